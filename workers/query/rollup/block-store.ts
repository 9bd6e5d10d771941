// What Postgres holds of rollups, for readers. Everything of one call is of one moment.

import type { Pool, PoolClient } from 'pg';
import { withTransaction } from '../../../platform/postgres.ts';
import type { RollupDefinition } from '../../../schemas/rollup/definition.ts';
import { SLICE_LENGTHS } from '../../../schemas/rollup/slices.ts';
import { bucketMs, type Level, MINUTE_MS } from './windows.ts';

export interface RollupRow {
  readonly rollupId: number;
  readonly topicId: number;
  readonly definition: RollupDefinition;
  readonly isChosen: boolean;
}

export interface BlockRow {
  readonly partition: number;
  /** Minute since 1970 at which the block's times begin. */
  readonly minute: number;
  readonly block: Buffer;
}

export interface LoadedBlocks {
  /** Number of the last flush that is in the blocks, by partition. */
  readonly seqs: ReadonlyMap<number, number>;
  readonly blocks: readonly BlockRow[];
  /** The oldest minute whose seconds are there, when some of what was asked for were dropped; else 0. */
  readonly secondsFromMinute: number;
}

export async function readRollups(pool: Pool): Promise<RollupRow[]> {
  const { rows } = await pool.query<RollupRow>(
    `SELECT rollup_id AS "rollupId", topic_id AS "topicId", definition, is_chosen AS "isChosen" FROM rollups`,
  );
  return rows;
}

/** Series behind `afterId`, with their keys. */
export async function readSeries(
  pool: Pool,
  rollupId: number,
  afterId: number,
): Promise<readonly (readonly [number, string])[]> {
  const { rows } = await pool.query<[number, string]>({
    text: 'SELECT series_id, key FROM rollup_series WHERE rollup_id = $1 AND series_id > $2 ORDER BY series_id',
    values: [rollupId, afterId],
    rowMode: 'array',
  });
  return rows;
}

/** Numbers of the last flushes of rollups, by rollup and partition. */
export async function readSeqs(
  pool: Pool,
  rollupIds: readonly number[],
): Promise<readonly { readonly rollupId: number; readonly partition: number; readonly seq: number }[]> {
  const { rows } = await pool.query<{ rollupId: number; partition: number; seq: number }>(
    `SELECT rollup_id AS "rollupId", partition, seq::float8 AS seq FROM rollup_states WHERE rollup_id = ANY($1)`,
    [rollupIds],
  );
  return rows;
}

/** @param buckets numbers of minutes or hours since 1970, as `level` says; the least and the greatest bound what is read */
export function readBlocks(
  pool: Pool,
  rollupId: number,
  level: Level,
  buckets: readonly number[],
): Promise<LoadedBlocks> {
  return withTransaction(pool, async (client) => {
    await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const seqs = await client.query<{ partition: number; seq: number }>(
      'SELECT partition, seq::float8 AS seq FROM rollup_states WHERE rollup_id = $1',
      [rollupId],
    );
    const minutes = bucketMs(level) / MINUTE_MS;
    const from = Math.min(...buckets) * minutes;
    const to = (Math.max(...buckets) + 1) * minutes;
    const blocks = await STATEMENTS[level](client, rollupId, from, to);
    const secondsFromMinute = level === 'second' ? await secondsFrom(client, rollupId, from) : 0;
    return { seqs: new Map(seqs.rows.map(({ partition, seq }) => [partition, seq])), blocks, secondsFromMinute };
  });
}

type Read = (client: PoolClient, rollupId: number, fromMinute: number, toMinute: number) => Promise<BlockRow[]>;

const reading =
  (text: string): Read =>
  async (client, rollupId, from, to) =>
    (await client.query<BlockRow>(text, [rollupId, from, to])).rows;

const DELTAS = `SELECT d.partition, d.minute, d.block FROM rollup_deltas d
  WHERE d.rollup_id = $1 AND d.minute >= $2 AND d.minute < $3`;
const MINUTES = `SELECT m.partition, m.minute, m.block FROM rollup_minutes m
  WHERE m.rollup_id = $1 AND m.minute >= $2 AND m.minute < $3`;
/** Of minutes that are not closed in their partition. */
const OPEN_DELTAS = `${DELTAS} AND d.minute > (SELECT s.closed_minute FROM rollup_states s
  WHERE s.rollup_id = d.rollup_id AND s.partition = d.partition)`;
/** Of hours that are not closed in their partition. */
const OPEN_MINUTES = `${MINUTES} AND m.minute / 60 >= (SELECT (s.closed_minute + 1) / 60 FROM rollup_states s
  WHERE s.rollup_id = m.rollup_id AND s.partition = m.partition)`;
const HOURS = `SELECT h.partition, h.hour * 60 AS minute, h.block FROM rollup_hours h
  WHERE h.rollup_id = $1 AND h.hour >= $2 / 60 AND h.hour < ($3 + 59) / 60`;

const STATEMENTS: Readonly<Record<Level, Read>> = {
  second: reading(DELTAS),
  minute: reading(`${MINUTES} UNION ALL ${OPEN_DELTAS}`),
  hour: reading(`${HOURS} UNION ALL ${OPEN_MINUTES} UNION ALL ${OPEN_DELTAS}`),
};

/** @returns 0 when nothing of the range has been dropped: slices of seconds are dropped as a whole, oldest first */
async function secondsFrom(client: PoolClient, rollupId: number, fromMinute: number): Promise<number> {
  const { rows } = await client.query<{ oldest: number | null }>(
    `SELECT min(substring(child.relname FROM 'rollup_deltas_(\\d+)$')::integer) AS oldest FROM pg_inherits
     JOIN pg_class child ON child.oid = inhrelid WHERE inhparent = 'rollup_deltas'::regclass`,
  );
  const oldest = (rows[0]?.oldest ?? 0) * SLICE_LENGTHS.rollup_deltas;
  if (oldest <= fromMinute) return 0;
  const dropped = await client.query(
    'SELECT 1 FROM rollup_minutes WHERE rollup_id = $1 AND minute >= $2 AND minute < $3 LIMIT 1',
    [rollupId, fromMinute, oldest],
  );
  return dropped.rowCount === 0 ? 0 : oldest;
}
