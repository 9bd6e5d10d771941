// Statements on the table rollups and the states of their partitions.

import type { RollupDefinition } from '../../schemas/rollup/definition.ts';
import type { Queryable } from './queryable.ts';

export interface RollupRow {
  readonly rollupId: number;
  readonly definition: RollupDefinition;
  readonly isChosen: boolean;
  readonly series: number;
}

export interface RollupStateRow {
  readonly partition: number;
  readonly nextOffset: number;
  readonly newestMicros: number;
  readonly closedMinute: number;
  readonly events: number;
  readonly late: number;
  readonly ahead: number;
  readonly unreadable: number;
}

/** @returns null when no worker has begun with the topic, and nobody has chosen a rollup for it */
export async function findRollup(db: Queryable, topicId: number): Promise<RollupRow | null> {
  const { rows } = await db.query<RollupRow>(
    `SELECT rollup_id AS "rollupId", definition, is_chosen AS "isChosen", series_count AS series
     FROM rollups WHERE topic_id = $1`,
    [topicId],
  );
  return rows[0] ?? null;
}

/** In order of partitions. */
export async function rollupStates(db: Queryable, rollupId: number): Promise<RollupStateRow[]> {
  const { rows } = await db.query<RollupStateRow>(
    `SELECT partition, next_offset::float8 AS "nextOffset", newest_micros::float8 AS "newestMicros",
       closed_minute AS "closedMinute", events::float8 AS events, late_events::float8 AS late,
       ahead_events::float8 AS ahead, unreadable_records::float8 AS unreadable
     FROM rollup_states WHERE rollup_id = $1 ORDER BY partition`,
    [rollupId],
  );
  return rows;
}

export interface ReplacedRollup {
  /** Null: there was none. */
  readonly before: RollupDefinition | null;
  /** False: it was the same already. */
  readonly isChanged: boolean;
}

/** Another definition is another rollup, which begins at the first record that Kafka holds. In one transaction. */
export async function replaceRollup(
  db: Queryable,
  topicId: number,
  definition: RollupDefinition,
): Promise<ReplacedRollup> {
  const text = JSON.stringify(definition);
  await db.query('SELECT 1 FROM topics WHERE topic_id = $1 FOR UPDATE', [topicId]);
  const known = await db.query<{ definition: RollupDefinition; isSame: boolean }>(
    `SELECT definition, definition = $2::jsonb AND is_chosen AS "isSame" FROM rollups WHERE topic_id = $1`,
    [topicId, text],
  );
  const before = known.rows[0]?.definition ?? null;
  if (known.rows[0]?.isSame === true) return { before, isChanged: false };
  await db.query('DELETE FROM rollups WHERE topic_id = $1', [topicId]);
  await db.query('INSERT INTO rollups (topic_id, definition, is_chosen) VALUES ($1, $2, true)', [topicId, text]);
  return { before, isChanged: true };
}
