// Statements on the table tenants.

import type { Queryable } from './queryable.ts';

export async function allTenants(db: Queryable): Promise<string[]> {
  const { rows } = await db.query<{ tenant: string }>('SELECT tenant_id AS tenant FROM tenants ORDER BY tenant_id');
  return rows.map(({ tenant }) => tenant);
}
