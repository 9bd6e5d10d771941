// Statements on the table cordoned_workers.

import type { Queryable } from './queryable.ts';

export async function cordonedWorkers(db: Queryable): Promise<Set<string>> {
  const { rows } = await db.query<{ workerId: string }>('SELECT worker_id AS "workerId" FROM cordoned_workers');
  return new Set(rows.map(({ workerId }) => workerId));
}

/** Again: changes nothing. */
export async function cordonWorker(db: Queryable, workerId: string, by: string): Promise<void> {
  await db.query(
    'INSERT INTO cordoned_workers (worker_id, cordoned_by) VALUES ($1, $2) ON CONFLICT (worker_id) DO NOTHING',
    [workerId, by],
  );
}

export async function uncordonWorkers(db: Queryable, workerIds: readonly string[]): Promise<void> {
  await db.query('DELETE FROM cordoned_workers WHERE worker_id = ANY($1)', [workerIds]);
}
