// What rollups say, read from Postgres without any code of the query process: for comparing with what was produced.

import pg from 'pg';
import { decodeBlock } from '../../../schemas/rollup/series-block.ts';

const MINUTE_MICROS = 60_000_000;

export interface StoredRollup {
  /** Offset of the next record, by partition. */
  readonly nextOffsets: ReadonlyMap<number, number>;
  /** All events that states speak of, in a window or not. */
  readonly events: number;
  readonly late: number;
  readonly ahead: number;
  readonly unreadableRecords: number;
  /** By series key ('' is the overflow): events and sum, over deltas of open minutes and blocks of closed ones. */
  readonly series: ReadonlyMap<string, { count: number; sum: number }>;
  /** The same from hours, and minutes that are in no hour yet. */
  readonly byHours: ReadonlyMap<string, { count: number; sum: number }>;
  readonly closedMinutes: number;
}

export async function readStored(url: string, topicId: number): Promise<StoredRollup> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    const query = async <Row extends pg.QueryResultRow>(text: string): Promise<Row[]> =>
      (await client.query<Row>(text, [topicId])).rows;
    const of = 'rollup_id = (SELECT rollup_id FROM rollups WHERE topic_id = $1)';
    const states = await query<Record<string, string>>(`SELECT * FROM rollup_states WHERE ${of}`);
    const names = await query<{ series_id: number; key: string }>(`SELECT * FROM rollup_series WHERE ${of}`);
    const keys = new Map([[0, ''], ...names.map(({ series_id, key }) => [series_id, key] as const)]);
    const deltas = await query<{ start: number; block: Buffer }>(
      `SELECT d.minute AS start, d.block FROM rollup_deltas d JOIN rollup_states s USING (rollup_id, partition)
       WHERE d.${of} AND d.minute > s.closed_minute`,
    );
    const minutes = await query<{ start: number; block: Buffer; in_hour: boolean }>(
      `SELECT m.minute AS start, m.block, EXISTS (SELECT 1 FROM rollup_hours h WHERE h.rollup_id = m.rollup_id
         AND h.partition = m.partition AND h.hour = m.minute / 60) AS in_hour FROM rollup_minutes m WHERE m.${of}`,
    );
    const hours = await query<{ start: number; block: Buffer }>(
      `SELECT hour * 60 AS start, block FROM rollup_hours WHERE ${of}`,
    );
    const total = (column: string): number => states.reduce((sum, state) => sum + Number(state[column]), 0);
    return {
      nextOffsets: new Map(states.map((state) => [Number(state.partition), Number(state.next_offset)])),
      events: total('events'),
      late: total('late_events'),
      ahead: total('ahead_events'),
      unreadableRecords: total('unreadable_records'),
      series: summed([...deltas, ...minutes], keys),
      byHours: summed([...deltas, ...minutes.filter(({ in_hour }) => !in_hour), ...hours], keys),
      closedMinutes: minutes.length,
    };
  } finally {
    await client.end();
  }
}

function summed(
  blocks: readonly { readonly start: number; readonly block: Buffer }[],
  keys: ReadonlyMap<number, string>,
): Map<string, { count: number; sum: number }> {
  const sums = new Map<string, { count: number; sum: number }>();
  for (const { start, block } of blocks) {
    for (const { series, aggregate } of decodeBlock(block, start * MINUTE_MICROS)) {
      const key = keys.get(series) ?? `unknown series ${series}`;
      const sum = sums.get(key) ?? { count: 0, sum: 0 };
      sum.count += aggregate.count;
      sum.sum += aggregate.sum;
      sums.set(key, sum);
    }
  }
  return sums;
}
