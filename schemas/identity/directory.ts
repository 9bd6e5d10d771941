// What processes must know to tell who somebody is, as the control plane writes it to Redis from Postgres.
//
//   identity          hash: key:{id} → DirectoryKey, issuer:{id} → DirectoryIssuer, tenant:{id} → DirectoryTenant,
//                     revocation:{id} → DirectoryRevocation, and `#revision` → digest of all of it
//   identity:used     hash: id of a key → ms since 1970 of its last use, written by each process at most once a minute
//   notify:identity   pub/sub: "look now"; without a notice readers look at `#revision` every second
//
// `#revision` is written in one step with the last entry, so where it stands the hash is complete: a Redis that was restarted
// and is being filled has none, and readers keep their last good copy.

import { type Static, Type } from 'typebox';
import { ClaimsJson, GrantList, QuotasJson, RoleList } from './grant.ts';

export const identityKeys = (prefix: string) => ({
  directory: `${prefix}:identity`,
  used: `${prefix}:identity:used`,
  notify: `${prefix}:notify:identity`,
});
export type IdentityKeys = ReturnType<typeof identityKeys>;

export const REVISION_FIELD = '#revision';
/** 1 s: with a lost notice and a slow read, a revocation still is known to every process well within 5 s. */
export const DIRECTORY_READ_INTERVAL_MS = 1000;

/** `none` and secrets shared by both sides are not among them, whatever a token's header says. */
export const TOKEN_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

const Milliseconds = Type.Integer({ minimum: 0 });
const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });

export const DirectoryKey = Type.Object({
  id: Type.String(),
  tenant: Type.String(),
  /** HMAC of the secret, see platform/identity/api-key.ts. */
  hash: Hash,
  /** The secret before the last rotation, while it is still valid. */
  previous: Type.Union([Type.Object({ hash: Hash, untilMs: Milliseconds }), Type.Null()]),
  roles: RoleList,
  grants: GrantList,
  claims: ClaimsJson,
  expiresAtMs: Type.Union([Milliseconds, Type.Null()]),
});
export type DirectoryKey = Static<typeof DirectoryKey>;

/** Where the public keys of an issuer are. */
export const IssuerKeys = Type.Union([
  Type.Object(
    {
      jwksUrl: Type.String({
        pattern: '^https?://.+',
        maxLength: 2000,
        description: 'Read by the processes that verify.',
      }),
    },
    { additionalProperties: false },
  ),
  Type.Object(
    {
      jwks: Type.Object(
        { keys: Type.Array(Type.Record(Type.String(), Type.Unknown()), { minItems: 1, maxItems: 100 }) },
        { description: 'A JSON Web Key Set of public keys (RFC 7517).' },
      ),
    },
    { additionalProperties: false },
  ),
]);
export type IssuerKeys = Static<typeof IssuerKeys>;

export const TenantId = Type.String({ pattern: '^[a-z0-9][a-z0-9-]*$', minLength: 1, maxLength: 48 });

/** To which tenant a token belongs. */
export const IssuerTenant = Type.Union([
  Type.Object({ fixed: TenantId }, { additionalProperties: false }),
  Type.Object(
    {
      claim: Type.String({ minLength: 1, maxLength: 200, description: 'Top-level claim that holds the tenant.' }),
      allowed: Type.Array(TenantId, { minItems: 1, maxItems: 1000, description: 'Tenants that it may name.' }),
    },
    { additionalProperties: false },
  ),
]);
export type IssuerTenant = Static<typeof IssuerTenant>;

export const DirectoryIssuer = Type.Object({
  id: Type.String(),
  issuer: Type.String(),
  audiences: Type.Array(Type.String(), { minItems: 1 }),
  algorithms: Type.Array(Type.Enum([...TOKEN_ALGORITHMS]), { minItems: 1 }),
  keys: IssuerKeys,
  clockSkewSeconds: Type.Integer({ minimum: 0 }),
  maxTokenAgeSeconds: Type.Integer({ minimum: 1 }),
  tenant: IssuerTenant,
  roles: RoleList,
  grants: GrantList,
  grantsClaim: Type.Union([Type.String(), Type.Null()]),
});
export type DirectoryIssuer = Static<typeof DirectoryIssuer>;

export const DirectoryTenant = Type.Object({
  id: Type.String(),
  state: Type.Union([Type.Literal('active'), Type.Literal('suspended')]),
  quotas: QuotasJson,
});
export type DirectoryTenant = Static<typeof DirectoryTenant>;

/** Of one token by its `jti`, or of all tokens of a subject that were issued before a time. */
export const DirectoryRevocation = Type.Object({
  issuer: Type.String(),
  jti: Type.Union([Type.String(), Type.Null()]),
  subject: Type.Union([Type.String(), Type.Null()]),
  issuedBeforeMs: Type.Union([Milliseconds, Type.Null()]),
});
export type DirectoryRevocation = Static<typeof DirectoryRevocation>;
