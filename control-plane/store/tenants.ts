// Statements on the table tenants.

import type { TenantQuotas } from '../../schemas/identity/identity.ts';
import { isForeignKeyViolation, type Queryable } from './queryable.ts';

export interface TenantRow {
  readonly tenantId: string;
  readonly state: 'active' | 'suspended';
  /** Members that are missing have no limit. */
  readonly quotas: Partial<TenantQuotas>;
  readonly createdAt: Date;
}

const SELECT = 'SELECT tenant_id AS "tenantId", state, quotas, created_at AS "createdAt" FROM tenants';

export async function allTenants(db: Queryable): Promise<string[]> {
  return (await allTenantRows(db)).map(({ tenantId }) => tenantId);
}

export async function allTenantRows(db: Queryable): Promise<TenantRow[]> {
  return (await db.query<TenantRow>(`${SELECT} ORDER BY tenant_id`)).rows;
}

/** Tenants behind `afterId`, by id. */
export async function listTenants(db: Queryable, afterId: string, limit: number): Promise<TenantRow[]> {
  const text = `${SELECT} WHERE tenant_id COLLATE "C" > $1 ORDER BY tenant_id COLLATE "C" LIMIT $2`;
  return (await db.query<TenantRow>(text, [afterId, limit])).rows;
}

export async function findTenant(db: Queryable, tenantId: string): Promise<TenantRow | null> {
  return (await db.query<TenantRow>(`${SELECT} WHERE tenant_id = $1`, [tenantId])).rows[0] ?? null;
}

/** @returns false when there is one of that id already */
export async function insertTenant(db: Queryable, tenantId: string, quotas: Partial<TenantQuotas>): Promise<boolean> {
  const text = 'INSERT INTO tenants (tenant_id, quotas) VALUES ($1, $2) ON CONFLICT DO NOTHING';
  return (await db.query(text, [tenantId, JSON.stringify(quotas)])).rowCount === 1;
}

/** Quotas that are not named stay as they are. @returns false when there is no such tenant */
export async function changeTenant(
  db: Queryable,
  tenantId: string,
  change: { readonly state?: TenantRow['state'] | undefined; readonly quotas?: Partial<TenantQuotas> | undefined },
): Promise<boolean> {
  const { rowCount } = await db.query(
    'UPDATE tenants SET state = coalesce($2, state), quotas = quotas || $3::jsonb WHERE tenant_id = $1',
    [tenantId, change.state ?? null, JSON.stringify(change.quotas ?? {})],
  );
  return rowCount === 1;
}

/**
 * What only the tenant itself ever sees, answers to its requests and revoked keys, goes with it.
 *
 * @returns 'busy' when something of it is left
 */
export async function deleteTenant(db: Queryable, tenantId: string): Promise<'deleted' | 'unknown' | 'busy'> {
  try {
    const { rowCount } = await db.query(
      `WITH answers AS (DELETE FROM idempotency_keys WHERE tenant_id = $1),
            redrives AS (DELETE FROM dead_letter_redrives WHERE tenant_id = $1 AND state <> 'running'),
            revoked AS (DELETE FROM api_keys WHERE tenant_id = $1 AND revoked_at IS NOT NULL)
       DELETE FROM tenants WHERE tenant_id = $1`,
      [tenantId],
    );
    return rowCount === 1 ? 'deleted' : 'unknown';
  } catch (error) {
    if (isForeignKeyViolation(error)) return 'busy';
    throw error;
  }
}
