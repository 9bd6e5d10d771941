// Statements on the table workers: what each worker was last told, so that a new leader goes on counting from there.

import type { Queryable } from './queryable.ts';

/** Dead workers are forgotten after an hour; one that was stopped for longer is told everything anew. */
const FORGET_AFTER = "interval '1 hour'";

export interface WorkerRow {
  readonly workerId: string;
  readonly assignmentRevision: number;
}

export async function allWorkers(db: Queryable): Promise<WorkerRow[]> {
  const { rows } = await db.query<WorkerRow>(
    `SELECT worker_id AS "workerId", assignment_revision::float8 AS "assignmentRevision" FROM workers`,
  );
  return rows;
}

export async function saveRevisions(db: Queryable, revisions: ReadonlyMap<string, number>): Promise<void> {
  await db.query(
    `INSERT INTO workers (worker_id, assignment_revision) SELECT * FROM unnest($1::text[], $2::bigint[])
     ON CONFLICT (worker_id) DO UPDATE SET assignment_revision = excluded.assignment_revision
       WHERE workers.assignment_revision < excluded.assignment_revision`,
    [[...revisions.keys()], [...revisions.values()]],
  );
}

export async function markSeen(db: Queryable, workerIds: readonly string[]): Promise<void> {
  await db.query('UPDATE workers SET last_seen_at = now() WHERE worker_id = ANY($1)', [workerIds]);
}

/** @returns ids of the workers forgotten: long dead, and owning nothing */
export async function forgetDeadWorkers(db: Queryable): Promise<string[]> {
  const { rows } = await db.query<{ workerId: string }>(
    `DELETE FROM workers w WHERE last_seen_at < now() - ${FORGET_AFTER}
       AND NOT EXISTS (SELECT FROM partition_ownership p WHERE p.worker_id = w.worker_id)
     RETURNING worker_id AS "workerId"`,
  );
  return rows.map(({ workerId }) => workerId);
}
