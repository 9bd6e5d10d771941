// Statements on the table subscriptions.

import type { DurableDefinition } from '../../schemas/durable.ts';
import type { SeenTopics } from '../access/seen.ts';
import type { Queryable } from './queryable.ts';

/** [partition, offset, index] */
export type StoredPosition = DurableDefinition['seek']['position'];

/** How it delivers; all of it can be changed. */
export interface DeliverySettings {
  readonly ackTimeoutMs: number;
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
  readonly maxAttempts: number;
  readonly maxInFlight: number;
}

interface SubscriptionWish extends DeliverySettings {
  readonly subscriptionId: string;
  readonly tenant: string;
  readonly name: string;
  readonly topicId: number;
  /** As it was asked for. */
  readonly filter: string;
  /** What its maker had to satisfy, and so every event of it does; '' for nothing. */
  readonly mandatoryFilter: string;
  /** Both in one; null: nothing is mandatory. */
  readonly plannedFilter: string | null;
  /** Subject; null: made before there were any. */
  readonly createdBy: string | null;
  readonly fields: readonly string[] | null;
  readonly groupKey: readonly string[] | null;
  readonly groupShards: number | null;
  readonly seekPosition: StoredPosition;
}

export interface SubscriptionRow extends SubscriptionWish {
  /** Place in lists; grows with each new one. */
  readonly sequence: number;
  readonly topic: string;
  readonly kafkaTopic: string;
  readonly partitions: number;
  readonly state: 'active' | 'paused';
  readonly seekRevision: number;
  readonly revision: number;
  readonly createdAt: Date;
}

const SELECT = `SELECT s.subscription_id AS "subscriptionId", s.sequence::float8 AS sequence, s.tenant_id AS tenant,
  s.name, s.topic_id AS "topicId", t.name AS topic, t.kafka_topic AS "kafkaTopic", t.partitions, s.filter,
  s.mandatory_filter AS "mandatoryFilter", s.planned_filter AS "plannedFilter", s.created_by AS "createdBy", s.fields,
  s.state, s.ack_timeout_ms AS "ackTimeoutMs", s.backoff_base_ms AS "backoffBaseMs", s.backoff_max_ms AS "backoffMaxMs",
  s.max_attempts AS "maxAttempts", s.max_in_flight AS "maxInFlight", s.group_key AS "groupKey",
  s.group_shards AS "groupShards", s.seek_revision::float8 AS "seekRevision", s.seek_position AS "seekPosition",
  s.revision::float8 AS revision, s.created_at AS "createdAt"
  FROM subscriptions s JOIN topics t ON t.topic_id = s.topic_id AND t.state = 'ready'`;

/** @returns false when the tenant has a subscription of that name already */
export async function insertSubscription(db: Queryable, row: SubscriptionWish): Promise<boolean> {
  const { rowCount } = await db.query(
    `INSERT INTO subscriptions (subscription_id, tenant_id, name, topic_id, filter, mandatory_filter, planned_filter, created_by, fields,
       ack_timeout_ms, backoff_base_ms, backoff_max_ms, max_attempts, max_in_flight, group_key, group_shards,
       seek_position) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
     ON CONFLICT DO NOTHING`,
    [
      row.subscriptionId,
      row.tenant,
      row.name,
      row.topicId,
      row.filter,
      row.mandatoryFilter,
      row.plannedFilter,
      row.createdBy,
      row.fields,
      row.ackTimeoutMs,
      row.backoffBaseMs,
      row.backoffMaxMs,
      row.maxAttempts,
      row.maxInFlight,
      row.groupKey,
      row.groupShards,
      JSON.stringify(row.seekPosition),
    ],
  );
  return rowCount === 1;
}

export async function countSubscriptions(db: Queryable, tenant: string): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    'SELECT count(*)::integer AS count FROM subscriptions WHERE tenant_id = $1',
    [tenant],
  );
  return rows[0]?.count ?? 0;
}

/** @param idOrName an id comes before a name that looks like it */
export async function findSubscription(
  db: Queryable,
  tenant: string,
  idOrName: string,
): Promise<SubscriptionRow | null> {
  const { rows } = await db.query<SubscriptionRow>(
    `${SELECT} WHERE s.tenant_id = $1 AND (s.subscription_id = $2 OR s.name = $2)
     ORDER BY s.subscription_id = $2 DESC LIMIT 1`,
    [tenant, idOrName],
  );
  return rows[0] ?? null;
}

/** Subscriptions of topics that are seen, behind `afterSequence`, oldest first. */
export async function listSubscriptions(
  db: Queryable,
  tenant: string,
  seen: SeenTopics,
  afterSequence: number,
  limit: number,
): Promise<SubscriptionRow[]> {
  const { rows } = await db.query<SubscriptionRow>(
    `${SELECT} WHERE s.tenant_id = $1 AND s.sequence > $2 AND ($4::text[] IS NULL OR t.name LIKE ANY($4))
     ORDER BY s.sequence LIMIT $3`,
    [tenant, afterSequence, limit, seen],
  );
  return rows;
}

/** All of all tenants whose topics are there. */
export async function allSubscriptions(db: Queryable): Promise<SubscriptionRow[]> {
  const { rows } = await db.query<SubscriptionRow>(`${SELECT} ORDER BY s.sequence`);
  return rows;
}

/** @returns false when there is none, or its waits would contradict each other */
export async function changeDelivery(
  db: Queryable,
  subscriptionId: string,
  change: { readonly [Setting in keyof DeliverySettings]?: number | undefined },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE subscriptions SET ack_timeout_ms = coalesce($2, ack_timeout_ms),
       backoff_base_ms = coalesce($3, backoff_base_ms), backoff_max_ms = coalesce($4, backoff_max_ms),
       max_attempts = coalesce($5, max_attempts), max_in_flight = coalesce($6, max_in_flight), revision = revision + 1
     WHERE subscription_id = $1 AND coalesce($3, backoff_base_ms) <= coalesce($4, backoff_max_ms)`,
    [
      subscriptionId,
      change.ackTimeoutMs ?? null,
      change.backoffBaseMs ?? null,
      change.backoffMaxMs ?? null,
      change.maxAttempts ?? null,
      change.maxInFlight ?? null,
    ],
  );
  return rowCount === 1;
}

/** Nothing changes when it is in that state already. */
export async function changeState(
  db: Queryable,
  subscriptionId: string,
  state: SubscriptionRow['state'],
): Promise<void> {
  await db.query(
    `UPDATE subscriptions SET state = $2, revision = revision + 1 WHERE subscription_id = $1 AND state <> $2`,
    [subscriptionId, state],
  );
}

export async function changePosition(db: Queryable, subscriptionId: string, position: StoredPosition): Promise<void> {
  await db.query(
    `UPDATE subscriptions SET seek_position = $2, seek_revision = seek_revision + 1, revision = revision + 1
     WHERE subscription_id = $1`,
    [subscriptionId, JSON.stringify(position)],
  );
}

export async function deleteSubscription(db: Queryable, subscriptionId: string): Promise<void> {
  await db.query('DELETE FROM subscriptions WHERE subscription_id = $1', [subscriptionId]);
}
