// Statements on the table idempotency_keys.

import type { Queryable } from './queryable.ts';

/** A day: longer than any client keeps repeating one request. */
const KEEP_FOR = "interval '24 hours'";
/** Longer than a creation takes; behind it, the process that worked on the request is taken for dead. */
const LEASE = "now() + interval '60 seconds'";

export interface KnownRequest {
  readonly requestHash: string;
  /** null while the first request is being worked on. */
  readonly answer: { readonly status: number; readonly response: string } | null;
}

/** @returns true when the caller shall do the work: the key is new, too old, or its worker died */
export async function claimKey(db: Queryable, tenant: string, key: string, requestHash: string): Promise<boolean> {
  const { rowCount } = await db.query(
    `INSERT INTO idempotency_keys AS k (tenant_id, key, request_hash, lease_until) VALUES ($1, $2, $3, ${LEASE})
     ON CONFLICT (tenant_id, key) DO UPDATE
       SET request_hash = excluded.request_hash, lease_until = ${LEASE}, status = NULL, response = NULL,
         created_at = now()
       WHERE k.created_at < now() - ${KEEP_FOR}
         OR (k.status IS NULL AND k.lease_until <= now() AND k.request_hash = excluded.request_hash)`,
    [tenant, key, requestHash],
  );
  return rowCount === 1;
}

export async function findKey(db: Queryable, tenant: string, key: string): Promise<KnownRequest | null> {
  const { rows } = await db.query<{ requestHash: string; status: number | null; response: string | null }>(
    'SELECT request_hash AS "requestHash", status, response FROM idempotency_keys WHERE tenant_id = $1 AND key = $2',
    [tenant, key],
  );
  const [row] = rows;
  if (row === undefined) return null;
  const { requestHash, status, response } = row;
  return { requestHash, answer: status === null || response === null ? null : { status, response } };
}

export async function saveAnswer(
  db: Queryable,
  tenant: string,
  key: string,
  answer: { readonly status: number; readonly response: string },
): Promise<void> {
  await db.query('UPDATE idempotency_keys SET status = $3, response = $4 WHERE tenant_id = $1 AND key = $2', [
    tenant,
    key,
    answer.status,
    answer.response,
  ]);
}

/** For a request that failed: the next one with this key is worked on anew. */
export async function forgetKey(db: Queryable, tenant: string, key: string): Promise<void> {
  await db.query('DELETE FROM idempotency_keys WHERE tenant_id = $1 AND key = $2 AND status IS NULL', [tenant, key]);
}

export async function dropOldKeys(db: Queryable): Promise<void> {
  await db.query(`DELETE FROM idempotency_keys WHERE created_at < now() - ${KEEP_FOR}`);
}
