// Creating and deleting what a topic consists of outside the database: every step can be repeated, so that whoever finds
// the work half done (the same request again, or the leader) can finish it or undo it.
//
//   creating ──▶ Kafka topic fits? ──▶ schemas registered ──▶ Kafka topic ──▶ ready
//       └── refused for good: undone, row removed           └── not reachable: stays, is tried again
//   deleting ──▶ nobody owns a partition ──▶ Kafka topic and subjects deleted ──▶ row removed

import { MdsError } from '../../schemas/errors.ts';
import type { Queryable } from '../store/queryable.ts';
import { deleteTopicRow, markKafkaCreated, markReady, type ReadyTopic, type TopicRow } from '../store/topics.ts';
import { batchSchemaOf, type SchemaJson } from './batch-schema.ts';
import type { KnownSchemas } from './known-schemas.ts';
import type { KafkaTopics, TopicSchemas } from './ports.ts';
import { batchSubjectOf, deadLetterTopicOf, eventSubjectOf } from './topic-names.ts';

/** Dead letters wait two weeks for somebody to look at them. */
const DEAD_LETTER_RETENTION_MS = 14 * 86_400_000;

export interface TopicWorkParts {
  readonly db: Queryable;
  readonly kafka: KafkaTopics;
  readonly schemas: TopicSchemas;
  readonly known: KnownSchemas;
}

export class TopicWork {
  readonly #parts: TopicWorkParts;

  constructor(parts: TopicWorkParts) {
    this.#parts = parts;
  }

  /**
   * Brings a topic from creating to ready.
   *
   * @throws MdsError when it is refused for good (then the caller should `undo`) or something cannot be reached
   */
  async complete(row: TopicRow): Promise<ReadyTopic> {
    const { db, kafka } = this.#parts;
    const present = await kafka.partitionsOf(row.kafkaTopic);
    if (present !== null && present !== row.partitions) {
      const id = `${row.kafkaTopic} with ${present} partitions`;
      throw new MdsError('MDS_ALREADY_EXISTS', { what: 'Kafka topic', id, partitions: present });
    }
    await this.#ensureDeadLetters(row.tenant);
    const eventSchema: SchemaJson = JSON.parse(row.schemaJson);
    const schemaId = await this.#register(eventSubjectOf(row.kafkaTopic), eventSchema);
    const batchSchemaId = await this.registerBatch(row.kafkaTopic, eventSchema);
    if (present === null) {
      await markKafkaCreated(db, row.topicId);
      await kafka.create({
        kafkaTopic: row.kafkaTopic,
        partitions: row.partitions,
        settings: { 'retention.ms': String(row.retentionMs), 'cleanup.policy': row.cleanupPolicy },
      });
    }
    const ready = await markReady(db, row.topicId, schemaId, batchSchemaId);
    if (ready === null) throw new MdsError('MDS_NOT_FOUND', { what: 'topic', id: row.name });
    return ready;
  }

  /** Registers the batch record of an event schema. @returns its id */
  registerBatch(kafkaTopic: string, eventSchema: SchemaJson): Promise<number> {
    return this.#register(batchSubjectOf(kafkaTopic), batchSchemaOf(eventSchema));
  }

  /** Registers the next version of a topic's schema, of single events and of batch records. */
  async registerVersion(
    kafkaTopic: string,
    schema: SchemaJson,
  ): Promise<{ readonly schemaId: number; readonly batchSchemaId: number }> {
    const schemaId = await this.#register(eventSubjectOf(kafkaTopic), schema);
    return { schemaId, batchSchemaId: await this.registerBatch(kafkaTopic, schema) };
  }

  /** Removes a topic that could not be created. */
  async undo(row: TopicRow): Promise<void> {
    if (row.kafkaCreated) await this.#parts.kafka.delete(row.kafkaTopic);
    await deleteTopicRow(this.#parts.db, row.topicId);
  }

  /** Removes a topic that nobody works on any more. A Kafka topic that was there before is left as it is. */
  async remove(row: TopicRow): Promise<void> {
    const { db, kafka, schemas } = this.#parts;
    if (row.kafkaCreated) {
      await kafka.delete(row.kafkaTopic);
      await schemas.deleteSubject(eventSubjectOf(row.kafkaTopic));
      await schemas.deleteSubject(batchSubjectOf(row.kafkaTopic));
    }
    await deleteTopicRow(db, row.topicId);
  }

  async #ensureDeadLetters(tenant: string): Promise<void> {
    const { kafka, schemas, known } = this.#parts;
    const kafkaTopic = deadLetterTopicOf(tenant);
    if ((await kafka.partitionsOf(kafkaTopic)) === null) {
      const settings = { 'retention.ms': String(DEAD_LETTER_RETENTION_MS), 'cleanup.policy': 'delete' };
      await kafka.create({ kafkaTopic, partitions: 1, settings });
    }
    await schemas.register(eventSubjectOf(kafkaTopic), known.deadLetter);
  }

  /** An existing subject gets its compatibility level first, so that an incompatible schema is refused. */
  async #register(subject: string, schema: SchemaJson): Promise<number> {
    const { schemas } = this.#parts;
    if ((await schemas.latest(subject)) !== null) await schemas.setCompatibility(subject, 'BACKWARD');
    const schemaId = await schemas.register(subject, JSON.stringify(schema));
    await schemas.setCompatibility(subject, 'BACKWARD');
    return schemaId;
  }
}
