// A ticket stands for an identity for some seconds, once: browsers cannot set headers on an EventSource, and a key in a URL
// would end up in logs. Whoever makes one shows a credential in the Authorization header; whoever uses it uses it up.

import { type Static, Type } from 'typebox';
import { ACTIONS, type Identity, ROLES } from './identity/identity.ts';

/** 30 s: a page makes its ticket right before it connects. */
export const TICKET_TTL_MS = 30_000;

export const ticketKey = (prefix: string, hash: string): string => `${prefix}:ticket:${hash}`;

const literals = <const Values extends readonly string[]>(values: Values) =>
  Type.Unsafe<Values[number]>(Type.Union(values.map((value) => Type.Literal(value))));

/** The identity as it stands in Redis, which edges share: a ticket of one is good at all of them. */
export const TicketIdentity = Type.Object({
  tenant: Type.String({ minLength: 1 }),
  subject: Type.String({ minLength: 1 }),
  kind: literals(['key', 'token', 'open']),
  roles: Type.Array(literals(ROLES)),
  grants: Type.Array(
    Type.Object({
      actions: Type.Array(literals(ACTIONS)),
      topics: Type.Array(Type.String()),
      filter: Type.Optional(Type.String()),
    }),
  ),
  claims: Type.Record(Type.String(), Type.Unknown()),
  expiresAtMs: Type.Union([Type.Number(), Type.Null()]),
});
export type TicketIdentity = Static<typeof TicketIdentity>;

/** Both say the same: a member that is added to one and not to the other does not compile. */
export const identityOfTicket = (stored: TicketIdentity): Identity => stored;
