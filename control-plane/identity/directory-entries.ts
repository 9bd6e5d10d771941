// The identity directory as it belongs into Redis: what processes need of tenants, keys, issuers and revocations.

import { createHash } from 'node:crypto';
import type {
  DirectoryIssuer,
  DirectoryKey,
  DirectoryRevocation,
  DirectoryTenant,
} from '../../schemas/identity/directory.ts';
import { NO_QUOTAS, type TenantQuotas } from '../../schemas/identity/identity.ts';
import type { KeyRow } from '../store/api-keys.ts';
import type { IssuerRow } from '../store/issuers.ts';
import type { TenantRow } from '../store/tenants.ts';
import type { RevocationRow } from '../store/token-revocations.ts';

export interface IdentityRows {
  readonly tenants: readonly TenantRow[];
  readonly keys: readonly KeyRow[];
  readonly issuers: readonly IssuerRow[];
  readonly revocations: readonly RevocationRow[];
}

export const quotasOf = ({ quotas }: Pick<TenantRow, 'quotas'>): TenantQuotas => ({ ...NO_QUOTAS, ...quotas });

/** @returns JSON texts by field */
export function directoryEntries({ tenants, keys, issuers, revocations }: IdentityRows): Map<string, string> {
  const entries = new Map<string, string>();
  for (const row of tenants) {
    const entry: DirectoryTenant = { id: row.tenantId, state: row.state, quotas: quotasOf(row) };
    entries.set(`tenant:${row.tenantId}`, JSON.stringify(entry));
  }
  for (const row of keys) entries.set(`key:${row.keyId}`, JSON.stringify(keyEntry(row)));
  for (const row of issuers) entries.set(`issuer:${row.issuerId}`, JSON.stringify(issuerEntry(row)));
  for (const { revocationId, issuer, jti, subject, issuedBefore } of revocations) {
    const entry: DirectoryRevocation = { issuer, jti, subject, issuedBeforeMs: issuedBefore?.getTime() ?? null };
    entries.set(`revocation:${revocationId}`, JSON.stringify(entry));
  }
  return entries;
}

/** The same for the same entries, whoever writes them. */
export function revisionOf(entries: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256');
  for (const [field, text] of [...entries].sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(`${field}\n${text}\n`);
  return hash.digest('hex');
}

function keyEntry({ keyId, tenant, hash, roles, grants, claims, ...row }: KeyRow): DirectoryKey {
  const { previousHash, previousUntil } = row;
  return {
    id: keyId,
    tenant,
    hash,
    previous:
      previousHash === null || previousUntil === null ? null : { hash: previousHash, untilMs: previousUntil.getTime() },
    roles: [...roles],
    grants: grants.map(copied),
    claims: { ...claims },
    expiresAtMs: row.expiresAt?.getTime() ?? null,
  };
}

function issuerEntry({ issuerId, issuer, keys, tenant, ...row }: IssuerRow): DirectoryIssuer {
  return {
    id: issuerId,
    issuer,
    audiences: [...row.audiences],
    algorithms: [...row.algorithms],
    keys,
    clockSkewSeconds: row.clockSkewSeconds,
    maxTokenAgeSeconds: row.maxTokenAgeSeconds,
    tenant,
    roles: [...row.roles],
    grants: row.grants.map(copied),
    grantsClaim: row.grantsClaim,
  };
}

const copied = ({ actions, topics, filter }: KeyRow['grants'][number]): DirectoryKey['grants'][number] => ({
  actions: [...actions],
  topics: [...topics],
  ...(filter === undefined ? {} : { filter }),
});
