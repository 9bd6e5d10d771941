// The audit log as the REST API shows it: who did what to which resource, and what came of it.

import { type Static, Type } from 'typebox';
import { PageQuery, pageOf } from './paging.ts';

/** `refused`: no grant allowed it, or a quota was reached. `failed`: it was begun and could not be finished. */
export const AuditOutcome = Type.Union([Type.Literal('done'), Type.Literal('refused'), Type.Literal('failed')]);
export type AuditOutcome = Static<typeof AuditOutcome>;

const TextOrNull = Type.Union([Type.String(), Type.Null()]);

export const AuditEntry = Type.Object({
  sequence: Type.Integer({ minimum: 0, description: 'Grows with each entry; not without gaps.' }),
  at: Type.String({ description: 'RFC 3339, UTC.' }),
  tenant: Type.String({ description: 'Whose resource it is.' }),
  subject: Type.String({ description: 'Who: key:ID, token:ISSUER#SUBJECT, or open while authentication is off.' }),
  subjectTenant: Type.String(),
  address: Type.String({ description: 'Where the request came from.' }),
  requestId: Type.String({ description: 'X-Request-Id of its answer.' }),
  action: Type.String({ description: 'create, change, delete, pause, resume, seek, redrive, purge, …' }),
  kind: Type.String({ description: 'topic, subscription, route, dead letter, edge, …' }),
  id: TextOrNull,
  outcome: AuditOutcome,
  code: Type.Union([Type.String(), Type.Null()], { description: 'MDS_… of what was refused or failed.' }),
  before: Type.Unknown({ description: 'What the action changed, as it was; null: nothing, or not known.' }),
  after: Type.Unknown({ description: 'The same as it is now. Secrets are never in it.' }),
});
export type AuditEntry = Static<typeof AuditEntry>;

export const AuditPage = pageOf(AuditEntry);

const filter = {
  tenant: Type.Optional(
    Type.String({ minLength: 1, maxLength: 200, description: "Operators only; default: one's own." }),
  ),
  subject: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
  action: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  kind: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  id: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
  outcome: Type.Optional(AuditOutcome),
  from: Type.Optional(Type.String({ format: 'date-time', description: 'At this time or later.' })),
  to: Type.Optional(Type.String({ format: 'date-time', description: 'Before this time.' })),
};

export const AuditQuery = Type.Object({ ...filter, ...PageQuery.properties }, { additionalProperties: false });
const AuditFilter = Type.Object(filter, { additionalProperties: false });
export type AuditFilter = Static<typeof AuditFilter>;
