// Statements on the table topics.

import type { CleanupPolicy } from '../../schemas/api/topic.ts';
import type { SeenTopics } from '../access/seen.ts';
import type { Queryable } from './queryable.ts';

export type TopicState = 'creating' | 'ready' | 'deleting';

export interface TopicRow {
  readonly topicId: number;
  readonly tenant: string;
  readonly name: string;
  readonly kafkaTopic: string;
  readonly partitions: number;
  readonly retentionMs: number;
  readonly cleanupPolicy: CleanupPolicy;
  /** The event schema as it was given, or its newest version, as JSON text. */
  readonly schemaJson: string;
  readonly schemaId: number | null;
  readonly batchSchemaId: number | null;
  readonly state: TopicState;
  readonly kafkaCreated: boolean;
  readonly createdAt: Date;
}

export interface ReadyTopic extends TopicRow {
  readonly state: 'ready';
  readonly schemaId: number;
  readonly batchSchemaId: number;
}

export const isReady = (row: TopicRow): row is ReadyTopic => row.state === 'ready';

export type TopicDefinition = Pick<
  TopicRow,
  'tenant' | 'name' | 'kafkaTopic' | 'partitions' | 'retentionMs' | 'cleanupPolicy' | 'schemaJson'
>;

/** Longer than any creation takes while its process lives (each outside call has 10 s), short enough to wait for. */
export const LEASE_SECONDS = 30;

const COLUMNS = `topic_id AS "topicId", tenant_id AS tenant, name, kafka_topic AS "kafkaTopic", partitions,
  retention_ms::float8 AS "retentionMs", cleanup_policy AS "cleanupPolicy", schema_json AS "schemaJson",
  schema_id AS "schemaId", batch_schema_id AS "batchSchemaId", state, kafka_created AS "kafkaCreated",
  created_at AS "createdAt"`;
const LEASE = `now() + interval '${LEASE_SECONDS} seconds'`;

/** @returns null when the tenant has a topic of that name already, in whatever state */
export async function insertTopic(db: Queryable, topic: TopicDefinition): Promise<TopicRow | null> {
  const { rows } = await db.query<TopicRow>(
    `INSERT INTO topics (tenant_id, name, kafka_topic, partitions, retention_ms, cleanup_policy, schema_json, state,
       lease_until) VALUES ($1, $2, $3, $4, $5, $6, $7, 'creating', ${LEASE})
     ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`,
    [
      topic.tenant,
      topic.name,
      topic.kafkaTopic,
      topic.partitions,
      topic.retentionMs,
      topic.cleanupPolicy,
      topic.schemaJson,
    ],
  );
  return rows[0] ?? null;
}

/** Of a tenant, in whatever state: each has its Kafka topic, or is about to. */
export async function countTopics(db: Queryable, tenant: string): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    'SELECT count(*)::integer AS count FROM topics WHERE tenant_id = $1',
    [tenant],
  );
  return rows[0]?.count ?? 0;
}

export async function findTopic(db: Queryable, tenant: string, name: string): Promise<TopicRow | null> {
  const { rows } = await db.query<TopicRow>(`SELECT ${COLUMNS} FROM topics WHERE tenant_id = $1 AND name = $2`, [
    tenant,
    name,
  ]);
  return rows[0] ?? null;
}

/** Ready topics behind `afterName`, of those that are seen, in order of their names. */
export async function listTopics(
  db: Queryable,
  tenant: string,
  seen: SeenTopics,
  afterName: string,
  limit: number,
): Promise<ReadyTopic[]> {
  const { rows } = await db.query<TopicRow>(
    `SELECT ${COLUMNS} FROM topics WHERE tenant_id = $1 AND state = 'ready' AND name > $2
       AND ($4::text[] IS NULL OR name LIKE ANY($4)) ORDER BY name LIMIT $3`,
    [tenant, afterName, limit, seen],
  );
  return rows.filter(isReady);
}

/** Ready topics of the tenant whose present schema, or that of its batch records, has this id. */
export async function topicsOfSchema(db: Queryable, tenant: string, schemaId: number): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(
    `SELECT name FROM topics WHERE tenant_id = $1 AND state = 'ready' AND $2::bigint IN (schema_id, batch_schema_id)`,
    [tenant, schemaId],
  );
  return rows.map(({ name }) => name);
}

/** All topics of all tenants in all states. */
export async function allTopics(db: Queryable): Promise<TopicRow[]> {
  const { rows } = await db.query<TopicRow>(`SELECT ${COLUMNS} FROM topics ORDER BY topic_id`);
  return rows;
}

/** Takes over unfinished work. @returns null when it is done, or somebody is at it */
export async function leaseTopic(db: Queryable, topicId: number, state: TopicState): Promise<TopicRow | null> {
  const { rows } = await db.query<TopicRow>(
    `UPDATE topics SET lease_until = ${LEASE} WHERE topic_id = $1 AND state = $2 AND lease_until <= now()
     RETURNING ${COLUMNS}`,
    [topicId, state],
  );
  return rows[0] ?? null;
}

/** Lets anybody take the work over, after a pause where trying again at once would be no use. */
export async function releaseLease(db: Queryable, topicId: number, afterSeconds = 0): Promise<void> {
  await db.query('UPDATE topics SET lease_until = now() + make_interval(secs => $2) WHERE topic_id = $1', [
    topicId,
    afterSeconds,
  ]);
}

export async function markKafkaCreated(db: Queryable, topicId: number): Promise<void> {
  await db.query('UPDATE topics SET kafka_created = true WHERE topic_id = $1', [topicId]);
}

export async function markReady(
  db: Queryable,
  topicId: number,
  schemaId: number,
  batchSchemaId: number,
): Promise<ReadyTopic | null> {
  const { rows } = await db.query<TopicRow>(
    `UPDATE topics SET state = 'ready', schema_id = $2, batch_schema_id = $3, lease_until = now()
     WHERE topic_id = $1 AND state = 'creating' RETURNING ${COLUMNS}`,
    [topicId, schemaId, batchSchemaId],
  );
  return rows.find(isReady) ?? null;
}

export async function markEvolved(
  db: Queryable,
  topicId: number,
  { schemaJson, schemaId, batchSchemaId }: Pick<ReadyTopic, 'schemaJson' | 'schemaId' | 'batchSchemaId'>,
): Promise<void> {
  await db.query(
    `UPDATE topics SET schema_json = $2, schema_id = $3, batch_schema_id = $4 WHERE topic_id = $1 AND state = 'ready'`,
    [topicId, schemaJson, schemaId, batchSchemaId],
  );
}

/**
 * @param partitions null: as they are; never fewer than before
 * @param retentionMs null: as it is
 * @returns null when there is no such topic any more
 */
export async function changeTopic(
  db: Queryable,
  topicId: number,
  partitions: number | null,
  retentionMs: number | null,
): Promise<ReadyTopic | null> {
  const { rows } = await db.query<TopicRow>(
    `UPDATE topics SET partitions = GREATEST(partitions, $2), retention_ms = COALESCE($3, retention_ms)
     WHERE topic_id = $1 AND state = 'ready' RETURNING ${COLUMNS}`,
    [topicId, partitions, retentionMs],
  );
  return rows.find(isReady) ?? null;
}

/** @returns null when the tenant has no ready topic of that name */
export async function markDeleting(db: Queryable, tenant: string, name: string): Promise<TopicRow | null> {
  const { rows } = await db.query<TopicRow>(
    `UPDATE topics SET state = 'deleting', lease_until = now() WHERE tenant_id = $1 AND name = $2 AND state = 'ready'
     RETURNING ${COLUMNS}`,
    [tenant, name],
  );
  return rows[0] ?? null;
}

export async function deleteTopicRow(db: Queryable, topicId: number): Promise<void> {
  await db.query('DELETE FROM topics WHERE topic_id = $1', [topicId]);
}
