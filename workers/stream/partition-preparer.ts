// Makes ready what this worker will be granted in a moment, while its owner still works on it: the topic is known, its
// brokers and the group's coordinator are connected, the interest of all edges is read. What is left for the grant itself
// takes a few milliseconds.

import type { KafkaConsumer } from '../../platform/kafka.ts';
import type { Logger } from '../../platform/log.ts';
import type { CatalogTopic, PartitionPlace } from '../../schemas/coordination.ts';
import { reasonOf } from '../../schemas/errors.ts';
import { partitionKey } from './owned-partition.ts';

export interface PartitionPreparerOptions {
  readonly consumer: Pick<KafkaConsumer, 'committed' | 'queryWatermarkOffsets'>;
  readonly readInterest: () => Promise<void>;
  readonly topic: (topicId: number) => Promise<CatalogTopic | undefined>;
  readonly log: Logger;
  /** Something is ready that the leader waits for. */
  readonly onReady: () => void;
}

interface Preparation {
  readonly place: PartitionPlace;
  isReady: boolean;
}

export class PartitionPreparer {
  readonly #options: PartitionPreparerOptions;
  #preparations: ReadonlyMap<string, Preparation> = new Map();

  constructor(options: PartitionPreparerOptions) {
    this.#options = options;
  }

  /** @param next all that is to be prepared; what is not among it any more is forgotten */
  prepare(next: readonly PartitionPlace[]): void {
    const before = this.#preparations;
    this.#preparations = new Map(
      next.map((place) => {
        const key = partitionKey(place.topicId, place.partition);
        return [key, before.get(key) ?? this.#begin(place)] as const;
      }),
    );
  }

  ready(): PartitionPlace[] {
    return [...this.#preparations.values()].filter(({ isReady }) => isReady).map(({ place }) => place);
  }

  #begin(place: PartitionPlace): Preparation {
    const preparation = { place, isReady: false };
    this.#warmUp(place).then(
      () => {
        preparation.isReady = true;
        this.#options.onReady();
      },
      // The leader does not wait for long, and the grant tries everything again.
      (error: unknown) => this.#options.log.debug({ ...place, reason: reasonOf(error) }, 'preparing failed'),
    );
    return preparation;
  }

  async #warmUp({ topicId, partition }: PartitionPlace): Promise<void> {
    const { consumer, readInterest, topic } = this.#options;
    const found = await topic(topicId);
    if (!found) return;
    const place = { topic: found.kafkaTopic, partition };
    await Promise.all([
      consumer.committed([place]),
      consumer.queryWatermarkOffsets(place.topic, partition),
      readInterest(),
    ]);
  }
}
