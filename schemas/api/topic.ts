// Topics as the REST API takes and shows them.

import { type Static, Type } from 'typebox';
import { pageOf } from './paging.ts';

/** Kafka allows 249 characters; tenant, dot and room for suffixes are taken off. */
export const MAX_TOPIC_NAME_CHARS = 200;
export const TOPIC_NAME_PATTERN = '^[a-zA-Z0-9][a-zA-Z0-9._-]*$';

/** 8: as many stream workers can share a new topic's load without moving keys between partitions later. */
export const DEFAULT_PARTITIONS = 8;
/** Ownership of each partition is one row and one heartbeat entry; more than this wants several topics. */
export const MAX_PARTITIONS = 1024;
/** One day: long enough for a client that was away over a night to resume. */
export const DEFAULT_RETENTION_MS = 86_400_000;
/** Below one minute Kafka's own segment rolling decides, not this value. */
export const MIN_RETENTION_MS = 60_000;
/** Ten years; catches microseconds given for milliseconds. */
export const MAX_RETENTION_MS = 315_360_000_000;

export const CleanupPolicy = Type.Union([Type.Literal('delete'), Type.Literal('compact')]);
export type CleanupPolicy = Static<typeof CleanupPolicy>;

export const AvroSchemaJson = Type.Unsafe<Readonly<Record<string, unknown>>>(
  Type.Object({}, { additionalProperties: true, description: 'Avro record schema as a JSON object, self-contained.' }),
);

export const TopicName = Type.String({ minLength: 1, maxLength: MAX_TOPIC_NAME_CHARS, pattern: TOPIC_NAME_PATTERN });

export const NewTopic = Type.Object(
  {
    name: TopicName,
    partitions: Type.Optional(
      Type.Integer({ minimum: 1, maximum: MAX_PARTITIONS, description: `Default ${DEFAULT_PARTITIONS}.` }),
    ),
    retentionMs: Type.Optional(
      Type.Integer({
        minimum: MIN_RETENTION_MS,
        maximum: MAX_RETENTION_MS,
        description: `Default ${DEFAULT_RETENTION_MS} (one day).`,
      }),
    ),
    cleanupPolicy: Type.Optional(CleanupPolicy),
    schema: Type.Optional(AvroSchemaJson),
  },
  { additionalProperties: false },
);
export type NewTopic = Static<typeof NewTopic>;

export const Topic = Type.Object({
  topicId: Type.Integer({ minimum: 0 }),
  tenant: Type.String(),
  name: TopicName,
  kafkaTopic: Type.String({ description: 'Name of the Kafka topic to produce to.' }),
  partitions: Type.Integer({ minimum: 1 }),
  retentionMs: Type.Integer(),
  cleanupPolicy: CleanupPolicy,
  subject: Type.String({ description: 'Schema registry subject of single events.' }),
  schemaId: Type.Integer({ minimum: 0, description: 'Registry id to write single events with.' }),
  batchSchemaId: Type.Integer({ minimum: 0, description: 'Registry id to write batch records with.' }),
  schema: AvroSchemaJson,
  createdAt: Type.String({ description: 'RFC 3339, UTC.' }),
});
export type Topic = Static<typeof Topic>;

export const TopicPage = pageOf(Topic);
export type TopicPage = Static<typeof TopicPage>;
