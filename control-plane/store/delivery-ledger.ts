// Statements on the table delivery_ledger.

import type { Queryable } from './queryable.ts';

/** A week of minutes: as long as somebody asks what happened. */
const KEEP_MINUTES = 7 * 24 * 60;

export interface LedgerRow {
  readonly subscriptionId: string;
  readonly minute: number;
  readonly shard: number;
  readonly epoch: number;
  /** In the order of LEDGER_COUNTS. */
  readonly counts: readonly number[];
}

/** Numbers only grow; those whose subscription is gone are left out. */
export async function saveLedger(db: Queryable, rows: readonly LedgerRow[]): Promise<void> {
  await db.query(
    `INSERT INTO delivery_ledger AS d (subscription_id, minute, shard, epoch, counts)
     SELECT n.subscription_id, n.minute, n.shard, n.epoch, n.counts::bigint[]
       FROM unnest($1::text[], $2::integer[], $3::integer[], $4::bigint[], $5::text[])
         AS n (subscription_id, minute, shard, epoch, counts)
       JOIN subscriptions s ON s.subscription_id = n.subscription_id
     ON CONFLICT (subscription_id, minute, shard, epoch) DO UPDATE SET counts = (
       SELECT array_agg(greatest(a.value, b.value) ORDER BY place)
       FROM unnest(d.counts) WITH ORDINALITY AS a (value, place)
       JOIN unnest(excluded.counts) WITH ORDINALITY AS b (value, place) USING (place))`,
    [
      rows.map(({ subscriptionId }) => subscriptionId),
      rows.map(({ minute }) => minute),
      rows.map(({ shard }) => shard),
      rows.map(({ epoch }) => epoch),
      rows.map(({ counts }) => `{${counts.join(',')}}`),
    ],
  );
}

/** Minutes from `fromMinute` up to, not including, `toMinute`. */
export async function readLedger(
  db: Queryable,
  subscriptionId: string,
  fromMinute: number,
  toMinute: number,
): Promise<LedgerRow[]> {
  const { rows } = await db.query<LedgerRow>(
    `SELECT subscription_id AS "subscriptionId", minute, shard, epoch::float8 AS epoch, counts::float8[] AS counts
     FROM delivery_ledger WHERE subscription_id = $1 AND minute >= $2 AND minute < $3`,
    [subscriptionId, fromMinute, toMinute],
  );
  return rows;
}

export async function dropOldLedger(db: Queryable, nowMinute: number): Promise<void> {
  await db.query('DELETE FROM delivery_ledger WHERE minute < $1', [nowMinute - KEEP_MINUTES]);
}
