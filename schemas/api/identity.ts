// Tenants, API keys, issuers of tokens and revocations as the REST API takes and shows them.

import { type Static, Type } from 'typebox';
import { IssuerKeys, IssuerTenant, TenantId, TOKEN_ALGORITHMS } from '../identity/directory.ts';
import { ClaimsJson, GrantList, QuotasJson, RoleList } from '../identity/grant.ts';
import { pageOf } from './paging.ts';

const closed = { additionalProperties: false } as const;
const Time = (description: string) => Type.String({ description: `RFC 3339, UTC: ${description}` });
const TimeOrNull = (description: string) => Type.Union([Time(description), Type.Null()]);

export const TenantState = Type.Union([Type.Literal('active'), Type.Literal('suspended')], {
  description: 'Nobody of a suspended tenant is let in, and who is connected is cut within 5 s; its events stay.',
});

export const NewTenant = Type.Object({ id: TenantId, quotas: Type.Optional(Type.Partial(QuotasJson, closed)) }, closed);
export type NewTenant = Static<typeof NewTenant>;

export const TenantChange = Type.Object(
  { state: Type.Optional(TenantState), quotas: Type.Optional(Type.Partial(QuotasJson, closed)) },
  { ...closed, minProperties: 1 },
);
export type TenantChange = Static<typeof TenantChange>;

export const Tenant = Type.Object({
  id: Type.String(),
  state: TenantState,
  quotas: QuotasJson,
  createdAt: Time('when it was created.'),
});
export type Tenant = Static<typeof Tenant>;
export const TenantPage = pageOf(Tenant);

/** A key that nobody uses is forgotten about; ten years is for ever. */
const MAX_LIFETIME_SECONDS = 315_360_000;
export const DEFAULT_OVERLAP_SECONDS = 86_400;
const MAX_OVERLAP_SECONDS = 2_592_000;

const KeyName = Type.String({
  minLength: 1,
  maxLength: 200,
  description: 'For people: what it is used for, or by whom.',
});
const Lifetime = Type.Integer({ minimum: 1, maximum: MAX_LIFETIME_SECONDS, description: 'From now on.' });

export const NewKey = Type.Object(
  {
    name: KeyName,
    tenant: Type.Optional(Type.String({ ...TenantId, description: 'For operators; default: the own tenant.' })),
    roles: Type.Optional(RoleList),
    grants: Type.Optional(GrantList),
    claims: Type.Optional(ClaimsJson),
    expiresInSeconds: Type.Optional(Lifetime),
  },
  closed,
);
export type NewKey = Static<typeof NewKey>;

export const KeyChange = Type.Object(
  {
    name: Type.Optional(KeyName),
    roles: Type.Optional(RoleList),
    grants: Type.Optional(GrantList),
    claims: Type.Optional(ClaimsJson),
    expiresInSeconds: Type.Optional(Type.Union([Lifetime, Type.Null()], { description: 'null: it does not expire.' })),
  },
  { ...closed, minProperties: 1 },
);
export type KeyChange = Static<typeof KeyChange>;

export const KeyRotation = Type.Object(
  {
    overlapSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: MAX_OVERLAP_SECONDS,
        description: `How long the secret until now stays valid; default ${DEFAULT_OVERLAP_SECONDS} (a day). One that was replaced before is not valid any more.`,
      }),
    ),
  },
  closed,
);
export type KeyRotation = Static<typeof KeyRotation>;

export const Key = Type.Object({
  id: Type.String(),
  prefix: Type.String({ description: 'How the key begins: what may be shown of it.' }),
  tenant: Type.String(),
  name: Type.String(),
  state: Type.Union([Type.Literal('valid'), Type.Literal('expired'), Type.Literal('revoked')]),
  roles: RoleList,
  grants: GrantList,
  claims: ClaimsJson,
  createdBy: Type.String(),
  createdAt: Time('when it was created.'),
  rotatedAt: TimeOrNull('when it got its secret; null: when it was created.'),
  previousValidUntil: TimeOrNull('until when the secret before is valid; null: it is not.'),
  expiresAt: TimeOrNull('when it expires; null: it does not.'),
  lastUsedAt: TimeOrNull('its last use, to the minute and some minutes late; null: never.'),
});
export type Key = Static<typeof Key>;
export const KeyPage = pageOf(Key);

export const KeyWithCredential = Type.Object({
  ...Key.properties,
  credential: Type.String({ description: 'The whole key. Shown now and never again: it is not stored.' }),
});
export type KeyWithCredential = Static<typeof KeyWithCredential>;

export const DEFAULT_TOKEN_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const;
export const DEFAULT_CLOCK_SKEW_SECONDS = 5;
export const DEFAULT_MAX_TOKEN_AGE_SECONDS = 86_400;
/** Revocations are kept a day longer than this: no token that was revoked becomes valid again. */
export const MAX_TOKEN_AGE_SECONDS = 2_592_000;

const IssuerUrl = Type.String({ minLength: 1, maxLength: 1000, description: 'Exactly as tokens name it in `iss`.' });
const IssuerSettings = {
  audiences: Type.Array(Type.String({ minLength: 1, maxLength: 500 }), {
    minItems: 1,
    maxItems: 20,
    description: 'A token must be meant for one of them (`aud`).',
  }),
  algorithms: Type.Array(Type.Enum([...TOKEN_ALGORITHMS]), { minItems: 1, maxItems: TOKEN_ALGORITHMS.length }),
  keys: IssuerKeys,
  clockSkewSeconds: Type.Integer({
    minimum: 0,
    maximum: 300,
    description: `How far its clock may be ahead; default ${DEFAULT_CLOCK_SKEW_SECONDS}. Expiry is taken at its word.`,
  }),
  maxTokenAgeSeconds: Type.Integer({
    minimum: 60,
    maximum: MAX_TOKEN_AGE_SECONDS,
    description: `Tokens older than this (\`iat\`) are refused, whatever they say of their expiry; default ${DEFAULT_MAX_TOKEN_AGE_SECONDS}.`,
  }),
  tenant: IssuerTenant,
  roles: RoleList,
  grants: GrantList,
  grantsClaim: Type.Union([Type.String({ minLength: 1, maxLength: 200 }), Type.Null()], {
    description: 'Claim that holds further grants, as JSON like `grants`; null: tokens carry none.',
  }),
};

export const NewIssuer = Type.Object(
  {
    issuer: IssuerUrl,
    audiences: IssuerSettings.audiences,
    keys: IssuerSettings.keys,
    tenant: IssuerSettings.tenant,
    algorithms: Type.Optional(IssuerSettings.algorithms),
    clockSkewSeconds: Type.Optional(IssuerSettings.clockSkewSeconds),
    maxTokenAgeSeconds: Type.Optional(IssuerSettings.maxTokenAgeSeconds),
    roles: Type.Optional(IssuerSettings.roles),
    grants: Type.Optional(IssuerSettings.grants),
    grantsClaim: Type.Optional(IssuerSettings.grantsClaim),
  },
  closed,
);
export type NewIssuer = Static<typeof NewIssuer>;

export const IssuerChange = Type.Partial(Type.Object(IssuerSettings), { ...closed, minProperties: 1 });
export type IssuerChange = Static<typeof IssuerChange>;

export const Issuer = Type.Object({
  id: Type.String(),
  issuer: IssuerUrl,
  ...IssuerSettings,
  createdAt: Time('when it was created.'),
});
export type Issuer = Static<typeof Issuer>;
export const IssuerPage = pageOf(Issuer);

export const NewRevocation = Type.Union([
  Type.Object({ issuer: IssuerUrl, jti: Type.String({ minLength: 1, maxLength: 500 }) }, closed),
  Type.Object(
    {
      issuer: IssuerUrl,
      subject: Type.String({ minLength: 1, maxLength: 256 }),
      issuedBefore: Type.Optional(
        Type.String({ maxLength: 40, description: 'RFC 3339; default: now. Tokens issued later stay valid.' }),
      ),
    },
    closed,
  ),
]);
export type NewRevocation = Static<typeof NewRevocation>;

export const Revocation = Type.Object({
  id: Type.String(),
  issuer: Type.String(),
  jti: Type.Union([Type.String(), Type.Null()]),
  subject: Type.Union([Type.String(), Type.Null()]),
  issuedBefore: TimeOrNull('tokens of the subject that were issued before it are revoked.'),
  createdAt: Time('when it was created.'),
  keptUntil: Time('when no token that it is about can be valid any more.'),
});
export type Revocation = Static<typeof Revocation>;
export const RevocationPage = pageOf(Revocation);

export const WhoAmI = Type.Object({
  tenant: Type.String(),
  subject: Type.String(),
  kind: Type.Union([Type.Literal('key'), Type.Literal('token'), Type.Literal('open')], {
    description: 'open: authentication is off, everybody may do everything.',
  }),
  roles: RoleList,
  grants: Type.Array(
    Type.Object({
      actions: Type.Array(Type.String()),
      topics: Type.Array(Type.String()),
      isFiltered: Type.Boolean({ description: 'Only events that satisfy a filter are read under it.' }),
    }),
  ),
  expiresAt: TimeOrNull('when this credential expires; null: not by itself.'),
});
export type WhoAmI = Static<typeof WhoAmI>;
