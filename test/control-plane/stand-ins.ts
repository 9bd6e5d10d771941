// Kafka and the schema registry in memory, which can be made to fail at a step: for what is hard to do to the real ones.

import type { Changing } from '../../control-plane/audit/change.ts';
import type { Queryable } from '../../control-plane/store/queryable.ts';
import type {
  KafkaTopicSettings,
  KafkaTopics,
  OffsetRange,
  TopicSchemas,
  TopicSettingsOfKafka,
} from '../../control-plane/topics/ports.ts';
import type { RegisteredSchema } from '../../platform/registry.ts';
import { MdsError } from '../../schemas/errors.ts';

/** Acts without an audit log. */
export const unaudited = (db: Queryable): Changing => ({ commit: (work) => work(db) });

const away = (dependency: string) => new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency, reason: 'told so' });

export class InMemoryKafka implements KafkaTopics {
  readonly topics = new Map<string, KafkaTopicSettings>();
  failing: 'nothing' | 'create' | 'delete' | 'everything' = 'nothing';

  async partitionsOf(kafkaTopic: string): Promise<number | null> {
    if (this.failing === 'everything') throw away('Kafka');
    return this.topics.get(kafkaTopic)?.partitions ?? null;
  }

  async addPartitions(kafkaTopic: string, partitions: number): Promise<void> {
    const topic = this.topics.get(kafkaTopic);
    if (topic) this.topics.set(kafkaTopic, { ...topic, partitions });
  }

  async endOffsets(_kafkaTopic: string, partitions: number): Promise<Map<number, number>> {
    return new Map(Array.from({ length: partitions }, (_, partition) => [partition, 0]));
  }

  async ranges(_kafkaTopic: string, partitions: number): Promise<Map<number, OffsetRange>> {
    return new Map(Array.from({ length: partitions }, (_, partition) => [partition, { lowOffset: 0, highOffset: 0 }]));
  }

  async offsetsForTime(_kafkaTopic: string, partitions: number): Promise<Map<number, number | null>> {
    return new Map(Array.from({ length: partitions }, (_, partition) => [partition, null]));
  }

  async create(topic: KafkaTopicSettings): Promise<void> {
    const isDeadLetters = topic.kafkaTopic.endsWith('.dead-letter');
    if (this.failing === 'everything' || (this.failing === 'create' && !isDeadLetters)) throw away('Kafka');
    if (!this.topics.has(topic.kafkaTopic)) this.topics.set(topic.kafkaTopic, topic);
  }

  async delete(kafkaTopic: string): Promise<void> {
    if (this.failing === 'delete' || this.failing === 'everything') throw away('Kafka');
    this.topics.delete(kafkaTopic);
  }
}

export class InMemorySchemas implements TopicSchemas {
  readonly subjects = new Map<string, RegisteredSchema>();
  /** A subject that ends so refuses whatever it is given. */
  refusing: string | null = null;
  #lastId = 0;

  async register(subject: string, schema: string): Promise<number> {
    if (this.refusing !== null && subject.endsWith(this.refusing)) {
      throw new MdsError('MDS_SCHEMA_INCOMPATIBLE', { subject, reason: 'told so' });
    }
    const known = this.subjects.get(subject);
    if (known?.schema === schema) return known.schemaId;
    this.subjects.set(subject, { schemaId: ++this.#lastId, version: (known?.version ?? 0) + 1, schema });
    return this.#lastId;
  }

  async versions(subject: string): Promise<RegisteredSchema[]> {
    const known = this.subjects.get(subject);
    return known ? [known] : [];
  }

  async checkCompatibility(subject: string): Promise<boolean> {
    return this.refusing === null || !subject.endsWith(this.refusing);
  }

  async setCompatibility(): Promise<void> {
    // every level is the same to this registry
  }

  async latest(subject: string): Promise<RegisteredSchema | null> {
    return this.subjects.get(subject) ?? null;
  }

  async deleteSubject(subject: string): Promise<void> {
    this.subjects.delete(subject);
  }
}

export class InMemoryTopicSettings implements TopicSettingsOfKafka {
  readonly retentions = new Map<string, number>();
  isAway = false;

  async setRetention(topic: string, retentionMs: number): Promise<void> {
    this.#answer();
    this.retentions.set(topic, retentionMs);
  }

  async settingsOf(topic: string): Promise<{ retentionMs: number | null; cleanupPolicy: string | null }> {
    this.#answer();
    return { retentionMs: this.retentions.get(topic) ?? null, cleanupPolicy: 'delete' };
  }

  async sizesOf(_topic: string, partitions: number): Promise<Map<number, number>> {
    this.#answer();
    return new Map(Array.from({ length: partitions }, (_, partition) => [partition, 100]));
  }

  #answer(): void {
    if (this.isAway) throw away('Kafka (topic settings)');
  }
}
