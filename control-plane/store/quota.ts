// Quotas of tenants, kept by whoever inserts: counted under a lock of the tenant's, so that two who come at the same moment
// do not both find room for the last one.

import { MdsError } from '../../schemas/errors.ts';
import type { Queryable } from './queryable.ts';

/**
 * To be called in the transaction that inserts, before it does.
 *
 * @param limit null: as many as it likes
 * @throws MdsError `MDS_QUOTA_EXCEEDED`
 */
export async function keepQuota(
  db: Queryable,
  tenant: string,
  what: 'topics' | 'subscriptions',
  limit: number | null,
  count: (db: Queryable, tenant: string) => Promise<number>,
): Promise<void> {
  if (limit === null) return;
  await db.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`mds quota ${what} ${tenant}`]);
  if ((await count(db, tenant)) >= limit) throw new MdsError('MDS_QUOTA_EXCEEDED', { limit, what });
}
