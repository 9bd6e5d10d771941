// Statements on the table api_keys.

import type { Grant, Role } from '../../schemas/identity/identity.ts';
import type { Queryable } from './queryable.ts';

interface KeyWish {
  readonly keyId: string;
  readonly tenant: string;
  readonly name: string;
  readonly hash: string;
  readonly roles: readonly Role[];
  readonly grants: readonly Grant[];
  readonly claims: Readonly<Record<string, unknown>>;
  readonly createdBy: string;
  readonly expiresAt: Date | null;
}

export interface KeyRow extends KeyWish {
  /** Place in lists; grows with each new one. */
  readonly sequence: number;
  readonly previousHash: string | null;
  readonly previousUntil: Date | null;
  readonly createdAt: Date;
  readonly rotatedAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
}

const SELECT = `SELECT key_id AS "keyId", sequence::float8 AS sequence, tenant_id AS tenant, name, hash,
  previous_hash AS "previousHash", previous_until AS "previousUntil", roles, grants, claims, created_by AS "createdBy",
  created_at AS "createdAt", rotated_at AS "rotatedAt", expires_at AS "expiresAt", last_used_at AS "lastUsedAt",
  revoked_at AS "revokedAt" FROM api_keys`;

/** @returns false when there is no such tenant */
export async function insertKey(db: Queryable, key: KeyWish): Promise<boolean> {
  const { rowCount } = await db.query(
    `INSERT INTO api_keys (key_id, tenant_id, name, hash, roles, grants, claims, created_by, expires_at)
     SELECT $1, tenant_id, $3, $4, $5, $6, $7, $8, $9 FROM tenants WHERE tenant_id = $2 FOR KEY SHARE`,
    [...valuesOf(key), key.expiresAt],
  );
  return rowCount === 1;
}

/** For a key that is given from outside: it is there afterwards, with this hash, unless it was revoked. */
export async function upsertKey(db: Queryable, key: KeyWish): Promise<void> {
  await db.query(
    `INSERT INTO api_keys (key_id, tenant_id, name, hash, roles, grants, claims, created_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (key_id) DO UPDATE SET hash = excluded.hash`,
    valuesOf(key),
  );
}

const valuesOf = (key: KeyWish): unknown[] => [
  key.keyId,
  key.tenant,
  key.name,
  key.hash,
  key.roles,
  JSON.stringify(key.grants),
  JSON.stringify(key.claims),
  key.createdBy,
];

export async function findKey(db: Queryable, tenant: string, keyId: string): Promise<KeyRow | null> {
  const { rows } = await db.query<KeyRow>(`${SELECT} WHERE tenant_id = $1 AND key_id = $2`, [tenant, keyId]);
  return rows[0] ?? null;
}

/** Keys behind `afterSequence`, oldest first. */
export async function listKeys(db: Queryable, tenant: string, afterSequence: number, limit: number): Promise<KeyRow[]> {
  const { rows } = await db.query<KeyRow>(
    `${SELECT} WHERE tenant_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3`,
    [tenant, afterSequence, limit],
  );
  return rows;
}

/** Of all tenants, without those that were revoked or have expired. */
export async function validKeys(db: Queryable): Promise<KeyRow[]> {
  const { rows } = await db.query<KeyRow>(
    `${SELECT} WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) ORDER BY sequence`,
  );
  return rows;
}

/** What is not named stays as it is. @returns false when it was revoked, or is not there */
export async function changeKey(
  db: Queryable,
  tenant: string,
  keyId: string,
  change: { readonly [Part in 'name' | 'roles' | 'grants' | 'claims' | 'expiresAt']?: KeyWish[Part] | undefined },
): Promise<boolean> {
  const { name, roles, grants, claims, expiresAt } = change;
  const { rowCount } = await db.query(
    `UPDATE api_keys SET name = coalesce($3, name), roles = coalesce($4, roles), grants = coalesce($5, grants),
       claims = coalesce($6, claims), expires_at = CASE WHEN $7 THEN $8 ELSE expires_at END
     WHERE tenant_id = $1 AND key_id = $2 AND revoked_at IS NULL`,
    [
      tenant,
      keyId,
      name ?? null,
      roles ?? null,
      grants === undefined ? null : JSON.stringify(grants),
      claims === undefined ? null : JSON.stringify(claims),
      expiresAt !== undefined,
      expiresAt ?? null,
    ],
  );
  return rowCount === 1;
}

/** @returns false when it was revoked, or is not there */
export async function rotateKey(
  db: Queryable,
  tenant: string,
  keyId: string,
  hash: string,
  overlapSeconds: number,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE api_keys SET previous_hash = hash, previous_until = now() + make_interval(secs => $4), hash = $3,
       rotated_at = now() WHERE tenant_id = $1 AND key_id = $2 AND revoked_at IS NULL`,
    [tenant, keyId, hash, overlapSeconds],
  );
  return rowCount === 1;
}

/** @returns false when it is not there; one that was revoked stays so */
export async function revokeKey(db: Queryable, tenant: string, keyId: string): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()), previous_hash = NULL, previous_until = NULL
     WHERE tenant_id = $1 AND key_id = $2`,
    [tenant, keyId],
  );
  return rowCount === 1;
}

/** @param used ms since 1970, by key id; an older time than the known one changes nothing */
export async function saveLastUses(db: Queryable, used: ReadonlyMap<string, number>): Promise<void> {
  const seconds = [...used.values()].map((atMs) => atMs / 1000);
  await db.query(
    `UPDATE api_keys SET last_used_at = greatest(last_used_at, to_timestamp(used.at))
     FROM unnest($1::text[], $2::float8[]) AS used (key_id, at) WHERE api_keys.key_id = used.key_id`,
    [[...used.keys()], seconds],
  );
}
