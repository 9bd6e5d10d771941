// Statements on the tables of rollups: what a worker reads when it gets partitions, and what one flush writes.

import type { Pool, PoolClient } from 'pg';
import { withTransaction } from '../../platform/postgres.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { RollupDefinition } from '../../schemas/rollup/definition.ts';

export interface RollupRow {
  readonly rollupId: number;
  readonly topicId: number;
  readonly definition: RollupDefinition;
}

export interface PartitionState {
  readonly rollupId: number;
  readonly partition: number;
  readonly seq: number;
  readonly nextOffset: number;
  readonly newestMicros: number;
  readonly closedMinute: number;
}

/** What one flush of one partition changes in its state. */
export interface StateChange {
  /** As it was when the flush began. */
  readonly before: PartitionState;
  readonly nextOffset: number;
  readonly newestMicros: number;
  readonly events: number;
  readonly late: number;
  readonly ahead: number;
  readonly unreadableRecords: number;
}

export interface StoredBlock {
  readonly rollupId: number;
  readonly partition: number;
  /** Minute, or hour, since 1970. */
  readonly start: number;
  readonly block: Buffer;
}

/** Makes the rollups that topics lack. @returns those of all topics */
export async function ensureRollups(
  pool: Pool,
  defaults: readonly { readonly topicId: number; readonly definition: RollupDefinition }[],
): Promise<RollupRow[]> {
  await pool.query(
    `INSERT INTO rollups (topic_id, definition, is_chosen)
     SELECT topic_id, definition, false FROM unnest($1::integer[], $2::jsonb[]) AS given (topic_id, definition)
     WHERE EXISTS (SELECT 1 FROM topics WHERE topics.topic_id = given.topic_id)
       AND NOT EXISTS (SELECT 1 FROM rollups WHERE rollups.topic_id = given.topic_id)
     ON CONFLICT (topic_id) DO NOTHING`,
    [defaults.map(({ topicId }) => topicId), defaults.map(({ definition }) => JSON.stringify(definition))],
  );
  const { rows } = await pool.query<RollupRow>(
    `SELECT rollup_id AS "rollupId", topic_id AS "topicId", definition FROM rollups`,
  );
  return rows;
}

export async function readSeries(pool: Pool, rollupId: number): Promise<readonly (readonly [string, number])[]> {
  const { rows } = await pool.query<[string, number]>({
    text: 'SELECT key, series_id FROM rollup_series WHERE rollup_id = $1',
    values: [rollupId],
    rowMode: 'array',
  });
  return rows;
}

/** Gives numbers to keys, as long as there is room. @returns numbers of those that have one now */
export function nameSeries(
  pool: Pool,
  rollupId: number,
  maxSeries: number,
  keys: readonly string[],
): Promise<Map<string, number>> {
  return withTransaction(pool, async (client) => {
    const locked = await client.query<{ count: number }>(
      'SELECT series_count AS count FROM rollups WHERE rollup_id = $1 FOR UPDATE',
      [rollupId],
    );
    const count = locked.rows[0]?.count ?? maxSeries;
    const { rows } = await client.query<{ key: string; id: number }>(
      'SELECT key, series_id AS id FROM rollup_series WHERE rollup_id = $1 AND key = ANY($2)',
      [rollupId, keys],
    );
    const named = new Map(rows.map(({ key, id }) => [key, id]));
    const fresh = keys.filter((key) => !named.has(key)).slice(0, Math.max(0, maxSeries - count));
    if (fresh.length === 0) return named;
    await client.query(
      `INSERT INTO rollup_series (rollup_id, series_id, key)
       SELECT $1, $2::integer + place, key FROM unnest($3::text[]) WITH ORDINALITY AS given (key, place)`,
      [rollupId, count, fresh],
    );
    await client.query('UPDATE rollups SET series_count = $2 WHERE rollup_id = $1', [rollupId, count + fresh.length]);
    for (const [i, key] of fresh.entries()) named.set(key, count + i + 1);
    return named;
  });
}

/** The states of partitions, made where there are none yet. */
export async function readStates(
  pool: Pool,
  places: readonly { readonly rollupId: number; readonly partition: number }[],
): Promise<PartitionState[]> {
  const given = [places.map(({ rollupId }) => rollupId), places.map(({ partition }) => partition)];
  await pool.query(
    `INSERT INTO rollup_states (rollup_id, partition)
     SELECT * FROM unnest($1::integer[], $2::integer[]) ON CONFLICT DO NOTHING`,
    given,
  );
  const { rows } = await pool.query<PartitionState>(
    `SELECT rollup_id AS "rollupId", partition, seq::float8 AS seq, next_offset::float8 AS "nextOffset",
       newest_micros::float8 AS "newestMicros", closed_minute AS "closedMinute"
     FROM rollup_states WHERE (rollup_id, partition) IN (SELECT * FROM unnest($1::integer[], $2::integer[]))`,
    given,
  );
  return rows;
}

/** @throws MdsError `MDS_ROLLUP_FENCED` when a state is not as this worker left it */
export async function changeStates(client: PoolClient, changes: readonly StateChange[]): Promise<void> {
  const column = (of: (change: StateChange) => number): number[] => changes.map(of);
  const { rowCount } = await client.query(
    `UPDATE rollup_states s
     SET seq = s.seq + 1, next_offset = c.next_offset, newest_micros = c.newest_micros,
       events = s.events + c.events, late_events = late_events + c.late, ahead_events = ahead_events + c.ahead,
       unreadable_records = unreadable_records + c.unreadable
     FROM unnest($1::integer[], $2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
       $8::bigint[], $9::bigint[])
       AS c (rollup_id, partition, seq, next_offset, newest_micros, events, late, ahead, unreadable)
     WHERE s.rollup_id = c.rollup_id AND s.partition = c.partition AND s.seq = c.seq`,
    [
      column(({ before }) => before.rollupId),
      column(({ before }) => before.partition),
      column(({ before }) => before.seq),
      column(({ nextOffset }) => nextOffset),
      column(({ newestMicros }) => newestMicros),
      column(({ events }) => events),
      column(({ late }) => late),
      column(({ ahead }) => ahead),
      column(({ unreadableRecords }) => unreadableRecords),
    ],
  );
  const [first] = changes;
  if (rowCount !== changes.length && first) {
    const { rollupId, partition } = first.before;
    throw new MdsError('MDS_ROLLUP_FENCED', { rollupId, partition });
  }
}

export async function setClosedMinute(client: PoolClient, state: PartitionState, closedMinute: number): Promise<void> {
  await client.query('UPDATE rollup_states SET closed_minute = $3 WHERE rollup_id = $1 AND partition = $2', [
    state.rollupId,
    state.partition,
    closedMinute,
  ]);
}

export async function insertDeltas(
  client: PoolClient,
  deltas: readonly (StoredBlock & { readonly seq: number })[],
): Promise<void> {
  if (deltas.length === 0) return;
  await client.query(
    `INSERT INTO rollup_deltas (rollup_id, partition, minute, seq, block)
     SELECT * FROM unnest($1::integer[], $2::integer[], $3::integer[], $4::bigint[], $5::bytea[])`,
    [
      deltas.map(({ rollupId }) => rollupId),
      deltas.map(({ partition }) => partition),
      deltas.map(({ start }) => start),
      deltas.map(({ seq }) => seq),
      deltas.map(({ block }) => block),
    ],
  );
}

/** Blocks that are whole. A minute or hour that stands there already was closed before. */
export async function insertBlocks(
  client: PoolClient,
  level: 'minute' | 'hour',
  blocks: readonly StoredBlock[],
): Promise<void> {
  if (blocks.length === 0) return;
  await client.query(
    `INSERT INTO rollup_${level}s (rollup_id, partition, ${level}, block)
     SELECT * FROM unnest($1::integer[], $2::integer[], $3::integer[], $4::bytea[])`,
    [
      blocks.map(({ rollupId }) => rollupId),
      blocks.map(({ partition }) => partition),
      blocks.map(({ start }) => start),
      blocks.map(({ block }) => block),
    ],
  );
}

export interface BlockRow {
  readonly start: number;
  readonly block: Buffer;
}

/** Minutes with deltas that are not closed yet. */
export async function openMinutes(pool: Pool, states: readonly PartitionState[]): Promise<number[]> {
  const { rows } = await pool.query<{ minute: number }>(
    `SELECT DISTINCT d.minute FROM rollup_deltas d
     JOIN unnest($1::integer[], $2::integer[], $3::integer[]) AS s (rollup_id, partition, closed_minute)
       ON d.rollup_id = s.rollup_id AND d.partition = s.partition AND d.minute > s.closed_minute`,
    [
      states.map(({ rollupId }) => rollupId),
      states.map(({ partition }) => partition),
      states.map(({ closedMinute }) => closedMinute),
    ],
  );
  return rows.map(({ minute }) => minute);
}

/** Deltas of one partition with minutes in (after, to], in order of minutes. */
export async function readDeltas(
  client: PoolClient,
  { rollupId, partition }: Pick<PartitionState, 'rollupId' | 'partition'>,
  after: number,
  to: number,
  limit: number,
): Promise<BlockRow[]> {
  const { rows } = await client.query<BlockRow>(
    `SELECT minute AS start, block FROM rollup_deltas
     WHERE rollup_id = $1 AND partition = $2 AND minute > $3 AND minute <= $4 ORDER BY minute, seq LIMIT $5`,
    [rollupId, partition, after, to, limit],
  );
  return rows;
}

/** Minutes of one partition in [from, to]. */
export async function readMinutes(
  client: PoolClient,
  { rollupId, partition }: Pick<PartitionState, 'rollupId' | 'partition'>,
  from: number,
  to: number,
): Promise<BlockRow[]> {
  const { rows } = await client.query<BlockRow>(
    `SELECT minute AS start, block FROM rollup_minutes
     WHERE rollup_id = $1 AND partition = $2 AND minute BETWEEN $3 AND $4`,
    [rollupId, partition, from, to],
  );
  return rows;
}
