// The rollup of a topic as people see and choose it.

import type { Pool } from 'pg';
import { withTransaction } from '../../../platform/postgres.ts';
import type { RollupState } from '../../../schemas/api/data.ts';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { checkDefinition, type RollupDefinition } from '../../../schemas/rollup/definition.ts';
import { MINUTE_MICROS } from '../../../schemas/rollup/series-block.ts';
import { microsText } from '../times.ts';
import type { RollupRow } from './block-store.ts';
import { recordOf } from './rollups.ts';
import { MINUTE_MS } from './windows.ts';

interface StateRow {
  readonly partition: number;
  readonly nextOffset: number;
  readonly newestMicros: number;
  readonly closedMinute: number;
  readonly events: number;
  readonly late: number;
  readonly ahead: number;
  readonly unreadable: number;
}

/** @throws MdsError `MDS_ROLLUP_NOT_READY` */
export async function rollupState(pool: Pool, topic: CatalogTopic): Promise<RollupState> {
  const { rows: found } = await pool.query<RollupRow & { series: number }>(
    `SELECT rollup_id AS "rollupId", definition, is_chosen AS "isChosen", series_count AS series
     FROM rollups WHERE topic_id = $1`,
    [topic.topicId],
  );
  const [rollup] = found;
  if (!rollup) throw new MdsError('MDS_ROLLUP_NOT_READY', { topic: topic.name });
  const { rows } = await pool.query<StateRow>(
    `SELECT partition, next_offset::float8 AS "nextOffset", newest_micros::float8 AS "newestMicros",
       closed_minute AS "closedMinute", events::float8 AS events, late_events::float8 AS late,
       ahead_events::float8 AS ahead, unreadable_records::float8 AS unreadable
     FROM rollup_states WHERE rollup_id = $1 ORDER BY partition`,
    [rollup.rollupId],
  );
  const sum = (of: (row: StateRow) => number): number => rows.reduce((total, row) => total + of(row), 0);
  const newest = Math.max(0, ...rows.map(({ newestMicros }) => newestMicros));
  return {
    topic: topic.name,
    definition: rollup.definition,
    isChosen: rollup.isChosen,
    series: rollup.series,
    events: sum(({ events }) => events),
    lateEvents: sum(({ late }) => late),
    aheadEvents: sum(({ ahead }) => ahead),
    unreadableRecords: sum(({ unreadable }) => unreadable),
    newestEvent: newest < MINUTE_MICROS ? null : microsText(newest),
    partitions: rows.map(({ partition, nextOffset, closedMinute }) => ({
      partition,
      nextOffset,
      closedUntil: closedMinute === 0 ? null : new Date((closedMinute + 1) * MINUTE_MS).toISOString(),
    })),
  };
}

/**
 * Another definition is another rollup: it begins at the first record that Kafka holds, and what the one before has
 * gathered goes. The same definition again changes nothing.
 *
 * @throws MdsError `MDS_ROLLUP_INVALID`
 */
export async function chooseRollup(pool: Pool, topic: CatalogTopic, definition: RollupDefinition): Promise<void> {
  checkDefinition(definition, recordOf(topic));
  const text = JSON.stringify(definition);
  await withTransaction(pool, async (client) => {
    await client.query('SELECT 1 FROM topics WHERE topic_id = $1 FOR UPDATE', [topic.topicId]);
    const same = await client.query('SELECT 1 FROM rollups WHERE topic_id = $1 AND definition = $2::jsonb', [
      topic.topicId,
      text,
    ]);
    if (same.rowCount !== 0) return;
    await client.query('DELETE FROM rollups WHERE topic_id = $1', [topic.topicId]);
    await client.query('INSERT INTO rollups (topic_id, definition, is_chosen) VALUES ($1, $2, true)', [
      topic.topicId,
      text,
    ]);
  });
}
