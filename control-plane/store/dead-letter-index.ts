// Statements that fill the table dead_letters from the dead-letter topics, and how far that is.

import type { DeadLetterRow } from './dead-letters.ts';
import type { Queryable } from './queryable.ts';

export type IndexedLetter = Omit<DeadLetterRow, 'sequence' | 'state' | 'changedAt' | 'redrives'>;

interface IndexPlace {
  readonly dlqTopic: string;
  readonly dlqPartition: number;
}

export async function readIndexPosition(db: Queryable, { dlqTopic, dlqPartition }: IndexPlace): Promise<number> {
  const { rows } = await db.query<{ nextOffset: number }>(
    `INSERT INTO dead_letter_positions AS p (dlq_topic, dlq_partition, next_offset) VALUES ($1, $2, 0)
     ON CONFLICT (dlq_topic, dlq_partition) DO UPDATE SET next_offset = p.next_offset
     RETURNING next_offset::float8 AS "nextOffset"`,
    [dlqTopic, dlqPartition],
  );
  return rows[0]?.nextOffset ?? 0;
}

/** @returns false when somebody else has moved it meanwhile */
export async function moveIndexPosition(
  db: Queryable,
  { dlqTopic, dlqPartition }: IndexPlace,
  from: number,
  to: number,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE dead_letter_positions SET next_offset = $4
     WHERE dlq_topic = $1 AND dlq_partition = $2 AND next_offset = $3`,
    [dlqTopic, dlqPartition, from, to],
  );
  return rowCount === 1;
}

/**
 * A letter that is known already (a worker died before it could say that it had written it, or its event failed again
 * later) keeps its row. One that was purged or redriven is dead again when the letter was written after that.
 *
 * @param letters each id once
 */
export async function saveLetters(db: Queryable, letters: readonly IndexedLetter[]): Promise<void> {
  const column = <Name extends keyof IndexedLetter>(name: Name) => letters.map((letter) => letter[name]);
  await db.query(
    `INSERT INTO dead_letters AS d (dead_letter_id, tenant_id, topic, kafka_topic, partition, record_offset, event_index,
       subscription_id, subscription_name, shard, reason, message, attempts, consumer, record_key, rejected_at,
       dlq_topic, dlq_partition, dlq_offset)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::bigint[], $7::integer[],
       $8::text[], $9::text[], $10::integer[], $11::text[], $12::text[], $13::integer[], $14::text[], $15::text[],
       $16::timestamptz[], $17::text[], $18::integer[], $19::bigint[])
     ON CONFLICT (dead_letter_id) DO UPDATE SET
       shard = excluded.shard, reason = excluded.reason, message = excluded.message, attempts = excluded.attempts,
       consumer = excluded.consumer, rejected_at = excluded.rejected_at, dlq_topic = excluded.dlq_topic,
       dlq_partition = excluded.dlq_partition, dlq_offset = excluded.dlq_offset,
       state = CASE d.state WHEN 'redriving' THEN 'redriving' ELSE 'dead' END,
       changed_at = CASE d.state WHEN 'redriving' THEN d.changed_at ELSE now() END
     WHERE d.state IN ('dead', 'redriving') OR excluded.rejected_at > d.changed_at`,
    [
      column('deadLetterId'),
      column('tenant'),
      column('topic'),
      column('kafkaTopic'),
      column('partition'),
      column('offset'),
      column('index'),
      column('subscriptionId'),
      column('subscriptionName'),
      column('shard'),
      column('reason'),
      column('message'),
      column('attempts'),
      column('consumer'),
      column('recordKey'),
      column('rejectedAt'),
      column('dlqTopic'),
      column('dlqPartition'),
      column('dlqOffset'),
    ],
  );
}

/** Letters whose records retention has deleted. */
export async function dropExpiredLetters(
  db: Queryable,
  { dlqTopic, dlqPartition }: IndexPlace,
  lowOffset: number,
): Promise<void> {
  await db.query('DELETE FROM dead_letters WHERE dlq_topic = $1 AND dlq_partition = $2 AND dlq_offset < $3', [
    dlqTopic,
    dlqPartition,
    lowOffset,
  ]);
}
