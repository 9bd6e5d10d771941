// Changing a topic that exists: more partitions, another retention. Kafka first, then the row: when this process dies in
// between, the same request finds Kafka changed already and completes the row.

import type { TopicChange } from '../../schemas/api/topic-management.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { Changing } from '../audit/change.ts';
import { changeTopic, type ReadyTopic } from '../store/topics.ts';
import type { KafkaTopics, TopicSettingsOfKafka } from './ports.ts';

export interface TopicChangesParts {
  readonly kafka: Pick<KafkaTopics, 'partitionsOf' | 'addPartitions'>;
  readonly settings: Pick<TopicSettingsOfKafka, 'setRetention'>;
  /** Makes the leader look at once, when it is this process. */
  readonly onChange: () => void;
}

export class TopicChanges {
  readonly #parts: TopicChangesParts;

  constructor(parts: TopicChangesParts) {
    this.#parts = parts;
  }

  /** @throws MdsError `MDS_PARTITIONS_CANNOT_SHRINK`, `MDS_TOPIC_UNKNOWN` or `MDS_DEPENDENCY_UNAVAILABLE` */
  async change(topic: ReadyTopic, { partitions, retentionMs }: TopicChange, change: Changing): Promise<ReadyTopic> {
    const { settings, onChange } = this.#parts;
    if (partitions !== undefined) await this.#grow(topic, partitions);
    if (retentionMs !== undefined) await settings.setRetention(topic.kafkaTopic, retentionMs);
    const changed = await change.commit(
      (db) => changeTopic(db, topic.topicId, partitions ?? null, retentionMs ?? null),
      (row) => row && { id: row.name, before: sizeOf(topic), after: sizeOf(row) },
    );
    if (changed === null) throw new MdsError('MDS_TOPIC_UNKNOWN', { topic: topic.name });
    onChange();
    return changed;
  }

  async #grow({ name, kafkaTopic }: ReadyTopic, partitions: number): Promise<void> {
    const { kafka } = this.#parts;
    const present = await kafka.partitionsOf(kafkaTopic);
    if (present === null) throw new MdsError('MDS_NOT_FOUND', { what: 'Kafka topic', id: kafkaTopic });
    if (partitions < present) throw new MdsError('MDS_PARTITIONS_CANNOT_SHRINK', { topic: name, present, partitions });
    if (partitions > present) await kafka.addPartitions(kafkaTopic, partitions);
  }
}

const sizeOf = ({ partitions, retentionMs }: ReadyTopic) => ({ partitions, retentionMs });
