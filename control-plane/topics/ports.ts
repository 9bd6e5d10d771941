// What topics need from Kafka and from the schema registry; narrow, so that tests can stand in for both.

import type { KafkaTopicSettingsClient } from '../../platform/kafka-topic-settings.ts';
import type { SchemaRegistry } from '../../platform/registry.ts';

export interface KafkaTopicSettings {
  readonly kafkaTopic: string;
  readonly partitions: number;
  /** Kafka's own topic settings, such as retention.ms. */
  readonly settings: Readonly<Record<string, string>>;
}

export interface OffsetRange {
  readonly lowOffset: number;
  readonly highOffset: number;
}

export interface KafkaTopics {
  /** @returns null when there is no such topic */
  partitionsOf(kafkaTopic: string): Promise<number | null>;
  /** Does nothing when the topic is there. */
  create(topic: KafkaTopicSettings): Promise<void>;
  /** Resolves when the topic has so many, all of them with a leader. */
  addPartitions(kafkaTopic: string, total: number): Promise<void>;
  /** One more than the last offset of each partition, 0 … partitions-1. */
  endOffsets(kafkaTopic: string, partitions: number): Promise<Map<number, number>>;
  /** First offset that still exists, and one more than the last, of each partition. */
  ranges(kafkaTopic: string, partitions: number): Promise<Map<number, OffsetRange>>;
  /** First record with this timestamp or a later one, of each partition; null where there is none. */
  offsetsForTime(kafkaTopic: string, partitions: number, timeMs: number): Promise<Map<number, number | null>>;
  /** Does nothing when the topic is not there. */
  delete(kafkaTopic: string): Promise<void>;
}

export type TopicSettingsOfKafka = KafkaTopicSettingsClient;

export type TopicSchemas = Pick<
  SchemaRegistry,
  'register' | 'setCompatibility' | 'latest' | 'deleteSubject' | 'versions' | 'checkCompatibility'
>;
