// Statements on the table dead_letters: what is there, and what becomes of it.

import type { DeadLetterFilter, DeadLetterState } from '../../schemas/api/dead-letter.ts';
import type { Queryable } from './queryable.ts';

export interface DeadLetterRow {
  readonly deadLetterId: string;
  readonly sequence: number;
  readonly tenant: string;
  readonly topic: string;
  readonly kafkaTopic: string;
  readonly partition: number;
  readonly offset: number;
  readonly index: number | null;
  readonly subscriptionId: string | null;
  readonly subscriptionName: string | null;
  readonly shard: number | null;
  readonly reason: string;
  readonly message: string;
  readonly attempts: number;
  readonly consumer: string | null;
  readonly recordKey: string | null;
  readonly rejectedAt: Date;
  readonly state: DeadLetterState;
  readonly changedAt: Date;
  readonly redrives: number;
  readonly dlqTopic: string;
  readonly dlqPartition: number;
  readonly dlqOffset: number;
}

const COLUMNS = `dead_letter_id AS "deadLetterId", sequence::float8 AS sequence, tenant_id AS tenant, topic,
  kafka_topic AS "kafkaTopic", partition, record_offset::float8 AS offset, event_index AS index,
  subscription_id AS "subscriptionId", subscription_name AS "subscriptionName", shard, reason, message, attempts,
  consumer, record_key AS "recordKey", rejected_at AS "rejectedAt", state, changed_at AS "changedAt", redrives,
  dlq_topic AS "dlqTopic", dlq_partition AS "dlqPartition", dlq_offset::float8 AS "dlqOffset"`;

export interface LetterSearch extends DeadLetterFilter {
  readonly states: readonly DeadLetterState[];
}

/** `$1`-`$8` of a statement; an absent filter lets everything through. */
const MATCHES = `tenant_id = $1 AND state = ANY($2) AND ($3::text IS NULL OR $3 IN (subscription_id, subscription_name))
  AND ($4::text IS NULL OR topic = $4) AND ($5::text IS NULL OR reason = $5)
  AND ($6::text IS NULL OR record_key = $6)
  AND ($7::timestamptz IS NULL OR rejected_at >= $7) AND ($8::timestamptz IS NULL OR rejected_at < $8)`;

const matchValues = (tenant: string, { states, subscription, topic, reason, key, from, to }: LetterSearch) => [
  tenant,
  states,
  subscription ?? null,
  topic ?? null,
  reason ?? null,
  key ?? null,
  from ?? null,
  to ?? null,
];

/** What of a tenant's dead letters somebody sees. */
export interface SeenLetters {
  /** Topics as patterns of LIKE. */
  readonly topics: readonly string[];
  /** Beside those: letters of subscriptions of a topic that have this mandatory filter, so that all their events pass it. */
  readonly through: readonly { readonly topic: string; readonly mandatoryFilter: string }[];
}

/** Newest first, before `beforeSequence`. @param seen null: all of the tenant */
export async function listLetters(
  db: Queryable,
  tenant: string,
  seen: SeenLetters | null,
  search: LetterSearch,
  beforeSequence: number,
  limit: number,
): Promise<DeadLetterRow[]> {
  const { rows } = await db.query<DeadLetterRow>(
    `SELECT ${COLUMNS} FROM dead_letters d WHERE ${MATCHES} AND sequence < $9
       AND ($11::text[] IS NULL OR topic LIKE ANY($11) OR EXISTS (
         SELECT FROM subscriptions s
         JOIN unnest($12::text[], $13::text[]) AS through(topic, filter) ON through.filter = s.mandatory_filter
         WHERE s.subscription_id = d.subscription_id AND through.topic = d.topic))
     ORDER BY sequence DESC LIMIT $10`,
    [
      ...matchValues(tenant, search),
      beforeSequence,
      limit,
      seen?.topics ?? null,
      seen?.through.map(({ topic }) => topic) ?? [],
      seen?.through.map(({ mandatoryFilter }) => mandatoryFilter) ?? [],
    ],
  );
  return rows;
}

/** Oldest first, behind `afterSequence`, up to and with `lastSequence`. */
export async function nextLetters(
  db: Queryable,
  tenant: string,
  search: LetterSearch,
  { afterSequence, lastSequence }: { readonly afterSequence: number; readonly lastSequence: number },
  limit: number,
): Promise<DeadLetterRow[]> {
  const { rows } = await db.query<DeadLetterRow>(
    `SELECT ${COLUMNS} FROM dead_letters WHERE ${MATCHES} AND sequence > $9 AND sequence <= $10
     ORDER BY sequence LIMIT $11`,
    [...matchValues(tenant, search), afterSequence, lastSequence, limit],
  );
  return rows;
}

export async function countLetters(
  db: Queryable,
  tenant: string,
  search: LetterSearch,
): Promise<{ readonly total: number; readonly lastSequence: number }> {
  const { rows } = await db.query<{ total: number; lastSequence: number }>(
    `SELECT count(*)::integer AS total, coalesce(max(sequence), 0)::float8 AS "lastSequence" FROM dead_letters
     WHERE ${MATCHES}`,
    matchValues(tenant, search),
  );
  return rows[0] ?? { total: 0, lastSequence: 0 };
}

/** What is being redriven must be settled first, so it stays. @returns how many */
export async function purgeLetters(db: Queryable, tenant: string, filter: DeadLetterFilter): Promise<number> {
  const { rowCount } = await db.query(
    `UPDATE dead_letters SET state = 'purged', changed_at = now() WHERE ${MATCHES}`,
    matchValues(tenant, { ...filter, states: ['dead', 'redriven'] }),
  );
  return rowCount ?? 0;
}

/** Whether an event stands among the dead letters of a subscription, and nobody has driven it again or purged it since. */
export async function isDeadLetter(
  db: Queryable,
  subscriptionId: string,
  { partition, offset, index }: { readonly partition: number; readonly offset: number; readonly index: number },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `SELECT 1 FROM dead_letters WHERE subscription_id = $1 AND partition = $2 AND record_offset = $3 AND event_index = $4
     AND state IN ('dead', 'redriving') LIMIT 1`,
    [subscriptionId, partition, offset, index],
  );
  return rowCount === 1;
}

export async function findLetter(db: Queryable, tenant: string, id: string): Promise<DeadLetterRow | null> {
  const { rows } = await db.query<DeadLetterRow>(
    `SELECT ${COLUMNS} FROM dead_letters WHERE tenant_id = $1 AND dead_letter_id = $2`,
    [tenant, id],
  );
  return rows[0] ?? null;
}

/**
 * Takes a letter from one state to another, once: of several who try at the same time one succeeds.
 *
 * @returns null when it is not in that state
 */
export async function moveLetter(
  db: Queryable,
  id: string,
  from: readonly DeadLetterState[],
  to: DeadLetterState,
): Promise<DeadLetterRow | null> {
  const { rows } = await db.query<DeadLetterRow>(
    `UPDATE dead_letters SET state = $3, changed_at = now(), redrives = redrives + ($3 = 'redriving')::integer
     WHERE dead_letter_id = $1 AND state = ANY($2) RETURNING ${COLUMNS}`,
    [id, from, to],
  );
  return rows[0] ?? null;
}

/** A redrive that was acknowledged. @returns false when that is known, or it was another redrive */
export async function settleRedrive(
  db: Queryable,
  { deadLetterId, redrives }: Pick<DeadLetterRow, 'deadLetterId' | 'redrives'>,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE dead_letters SET state = 'redriven', changed_at = now()
     WHERE dead_letter_id = $1 AND redrives = $2 AND state = 'redriving'`,
    [deadLetterId, redrives],
  );
  return rowCount === 1;
}

/** A redrive that failed. @param redrive number of it: one that was answered already changes nothing */
export async function failRedrive(
  db: Queryable,
  { deadLetterId, redrives }: Pick<DeadLetterRow, 'deadLetterId' | 'redrives'>,
  failure: { readonly attempts: number; readonly reason: string | null; readonly message: string | null },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE dead_letters SET state = 'dead', changed_at = now(), attempts = attempts + $3,
       reason = coalesce($4, reason), message = coalesce($5, message)
     WHERE dead_letter_id = $1 AND redrives = $2 AND state = 'redriving'`,
    [deadLetterId, redrives, failure.attempts, failure.reason, failure.message],
  );
  return rowCount === 1;
}

/** Being redriven, of durable subscriptions that are there, longest first; `limit` behind `afterSequence`. */
export async function redrivingLetters(db: Queryable, afterSequence: number, limit: number): Promise<DeadLetterRow[]> {
  const { rows } = await db.query<DeadLetterRow>(
    `SELECT ${COLUMNS} FROM dead_letters WHERE state = 'redriving' AND subscription_id IS NOT NULL AND sequence > $1
     ORDER BY sequence LIMIT $2`,
    [afterSequence, limit],
  );
  return rows;
}

/** Redrives that cannot end by themselves: whoever produced the record has died, or the subscription is gone. */
export async function giveUpRedrives(db: Queryable, afterSeconds: number): Promise<number> {
  const { rowCount } = await db.query(
    `UPDATE dead_letters d SET state = 'dead', changed_at = now(),
       message = CASE WHEN subscription_id IS NULL
         THEN 'A redrive was interrupted: the record may stand in its topic already. ' || message
         ELSE message END
     WHERE state = 'redriving' AND (
       (subscription_id IS NULL AND changed_at < now() - make_interval(secs => $1))
       OR (subscription_id IS NOT NULL
         AND NOT EXISTS (SELECT FROM subscriptions s WHERE s.subscription_id = d.subscription_id)))`,
    [afterSeconds],
  );
  return rowCount ?? 0;
}

export interface TopicBacklog {
  readonly topic: string;
  readonly letters: number;
  readonly oldestSeconds: number;
}

/** Dead ones of each topic, most first. */
export async function backlogByTopic(db: Queryable, limit: number): Promise<TopicBacklog[]> {
  const { rows } = await db.query<TopicBacklog>(
    `SELECT topic, count(*)::integer AS letters,
       extract(epoch FROM now() - min(rejected_at))::float8 AS "oldestSeconds"
     FROM dead_letters WHERE state = 'dead' GROUP BY topic ORDER BY count(*) DESC, topic LIMIT $1`,
    [limit],
  );
  return rows;
}
