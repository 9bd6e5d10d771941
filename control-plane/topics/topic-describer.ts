// What a topic holds, gathered from Kafka and the registry. What one of them does not tell is null, and said in a sentence.

import type { TopicDescription } from '../../schemas/api/topic-management.ts';
import { reasonOf } from '../../schemas/errors.ts';
import type { ReadyTopic } from '../store/topics.ts';
import type { KafkaTopics, OffsetRange, TopicSchemas, TopicSettingsOfKafka } from './ports.ts';
import { eventSubjectOf } from './topic-names.ts';

export interface TopicDescriberParts {
  readonly kafka: Pick<KafkaTopics, 'ranges'>;
  readonly settings: TopicSettingsOfKafka;
  readonly schemas: Pick<TopicSchemas, 'versions'>;
}

export class TopicDescriber {
  readonly #parts: TopicDescriberParts;

  constructor(parts: TopicDescriberParts) {
    this.#parts = parts;
  }

  async describe(topic: ReadyTopic): Promise<Omit<TopicDescription, 'topic'>> {
    const { kafka, settings, schemas } = this.#parts;
    const { kafkaTopic, partitions } = topic;
    const problems: string[] = [];
    const [ranges, sizes, inKafka, versions] = await Promise.all([
      orNothing(kafka.ranges(kafkaTopic, partitions), new Map<number, OffsetRange>(), problems),
      orNothing(settings.sizesOf(kafkaTopic, partitions), new Map<number, number>(), problems),
      orNothing(settings.settingsOf(kafkaTopic), { retentionMs: null, cleanupPolicy: null }, problems),
      orNothing(schemas.versions(eventSubjectOf(kafkaTopic)), [], problems),
    ]);
    if (inKafka.retentionMs !== null && inKafka.retentionMs !== topic.retentionMs) {
      problems.push(
        `Kafka keeps it for ${inKafka.retentionMs} ms, and not for ${topic.retentionMs} ms as is wanted: set it.`,
      );
    }
    return {
      partitions: [...ranges].map(([partition, range]) => ({
        partition,
        ...range,
        sizeBytes: sizes.get(partition) ?? null,
      })),
      records: [...ranges.values()].reduce((sum, { lowOffset, highOffset }) => sum + highOffset - lowOffset, 0),
      sizeBytes: sizes.size === 0 ? null : [...sizes.values()].reduce((sum, size) => sum + size, 0),
      inKafka,
      versions: versions.map(({ version, schemaId }) => ({
        version,
        schemaId,
        isCurrent: schemaId === topic.schemaId,
      })),
      problems: [...new Set(problems)],
    };
  }
}

async function orNothing<Found>(asked: Promise<Found>, nothing: Found, problems: string[]): Promise<Found> {
  try {
    return await asked;
  } catch (error) {
    problems.push(reasonOf(error));
    return nothing;
  }
}
