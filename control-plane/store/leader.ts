// Statements on leadership: the advisory lock that one connection holds, and who that is.

import type { Queryable } from './queryable.ts';

/** Arbitrary, but the same in every control plane of one database. */
const LEADER_LOCK = 7_236_002;

/** Postgres ends this connection when nothing is said on it for so long, inside a transaction or not. */
export async function endWhenSilent(db: Queryable, limitMs: number): Promise<void> {
  await db.query(
    `SELECT set_config(name, $1, false) FROM pg_settings
     WHERE name IN ('idle_session_timeout', 'idle_in_transaction_session_timeout')`,
    [String(limitMs)],
  );
}

/** @returns true when this connection holds the lock now; it does until it closes */
export async function tryLeaderLock(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [LEADER_LOCK]);
  return rows[0]?.locked === true;
}

/** To be called on the connection that holds the lock. */
export async function recordLeader(db: Queryable, leaderId: string): Promise<void> {
  await db.query(
    `INSERT INTO leader (leader_id, backend_pid) VALUES ($1, pg_backend_pid())
     ON CONFLICT (only_row) DO UPDATE SET leader_id = excluded.leader_id, backend_pid = excluded.backend_pid,
       elected_at = now()`,
    [leaderId],
  );
}

/** @returns null when nobody holds the lock (a stale record does not count) */
export async function currentLeader(db: Queryable): Promise<string | null> {
  const { rows } = await db.query<{ leaderId: string }>(
    `SELECT leader_id AS "leaderId" FROM leader JOIN pg_locks ON pid = backend_pid
     WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = $1
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    [LEADER_LOCK],
  );
  return rows[0]?.leaderId ?? null;
}
