// Statements on the table dead_letter_redrives: jobs that redrive many letters at a bounded rate.

import type { DeadLetterFilter, Redrive } from '../../schemas/api/dead-letter.ts';
import type { Queryable } from './queryable.ts';

export interface RedriveRow {
  readonly redriveId: string;
  readonly tenant: string;
  readonly filter: DeadLetterFilter;
  readonly ratePerSecond: number;
  readonly state: Redrive['state'];
  readonly total: number;
  readonly redriven: number;
  readonly failed: number;
  readonly afterSequence: number;
  readonly lastSequence: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const COLUMNS = `redrive_id AS "redriveId", tenant_id AS tenant, filter, rate_per_second AS "ratePerSecond", state, total,
  redriven, failed, after_sequence::float8 AS "afterSequence", last_sequence::float8 AS "lastSequence",
  created_at AS "createdAt", updated_at AS "updatedAt"`;

type RedriveToInsert = Pick<RedriveRow, 'redriveId' | 'tenant' | 'filter' | 'ratePerSecond' | 'total' | 'lastSequence'>;

export async function insertRedrive(db: Queryable, row: RedriveToInsert): Promise<RedriveRow | null> {
  const { rows } = await db.query<RedriveRow>(
    `INSERT INTO dead_letter_redrives (redrive_id, tenant_id, filter, rate_per_second, total, last_sequence)
     VALUES ($1, $2, $3, $4, $5, $6) RETURNING ${COLUMNS}`,
    [row.redriveId, row.tenant, JSON.stringify(row.filter), row.ratePerSecond, row.total, row.lastSequence],
  );
  return rows[0] ?? null;
}

export async function findRedrive(db: Queryable, tenant: string, id: string): Promise<RedriveRow | null> {
  const { rows } = await db.query<RedriveRow>(
    `SELECT ${COLUMNS} FROM dead_letter_redrives WHERE tenant_id = $1 AND redrive_id = $2`,
    [tenant, id],
  );
  return rows[0] ?? null;
}

/** Of all tenants, oldest first. */
export async function runningRedrives(db: Queryable): Promise<RedriveRow[]> {
  const { rows } = await db.query<RedriveRow>(
    `SELECT ${COLUMNS} FROM dead_letter_redrives WHERE state = 'running' ORDER BY created_at LIMIT 100`,
  );
  return rows;
}

/** What the leader did of it; a job that was cancelled meanwhile stays so. */
export async function advanceRedrive(
  db: Queryable,
  redriveId: string,
  done: {
    readonly redriven: number;
    readonly failed: number;
    readonly afterSequence: number;
    readonly isDone: boolean;
  },
): Promise<void> {
  await db.query(
    `UPDATE dead_letter_redrives SET redriven = redriven + $2, failed = failed + $3,
       after_sequence = greatest(after_sequence, $4), updated_at = now(),
       state = CASE WHEN state = 'running' AND $5 THEN 'done' ELSE state END
     WHERE redrive_id = $1`,
    [redriveId, done.redriven, done.failed, done.afterSequence, done.isDone],
  );
}

export async function cancelRedrive(db: Queryable, tenant: string, id: string): Promise<void> {
  await db.query(
    `UPDATE dead_letter_redrives SET state = 'cancelled', updated_at = now()
     WHERE tenant_id = $1 AND redrive_id = $2 AND state = 'running'`,
    [tenant, id],
  );
}

/** Jobs that ended a month ago interest nobody. */
export async function dropOldRedrives(db: Queryable): Promise<void> {
  await db.query(
    `DELETE FROM dead_letter_redrives WHERE state <> 'running' AND updated_at < now() - interval '30 days'`,
  );
}
