// A statement on the table dead_letters: how many came lately.

import type { Queryable } from './queryable.ts';

const WINDOW = "interval '10 minutes'";
/** Only the newest are looked at: more than that in ten minutes is as bad as that. */
const MAX_LOOKED_AT = 10_000;

/** @returns given up within the last ten minutes and not dealt with, by `tenant/topic` */
export async function recentDeadLetters(db: Queryable): Promise<Map<string, number>> {
  const { rows } = await db.query<{ topic: string; count: number }>(
    `SELECT tenant_id || '/' || topic AS topic, count(*)::integer AS count FROM (
       SELECT tenant_id, topic, state, rejected_at FROM dead_letters ORDER BY sequence DESC LIMIT $1) newest
     WHERE state = 'dead' AND rejected_at > now() - ${WINDOW} GROUP BY 1`,
    [MAX_LOOKED_AT],
  );
  return new Map(rows.map(({ topic, count }) => [topic, count]));
}
