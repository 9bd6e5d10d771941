// The Kafka side of topics on the real admin client, which is connected when it is first needed: the control plane
// starts, and shows status, while Kafka is away.

import { createAdmin, type KafkaAdmin, type KafkaConnection } from '../../platform/kafka.ts';
import { retry } from '../../platform/retry.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { KafkaTopicSettings, KafkaTopics, OffsetRange } from './ports.ts';

/** A broker shows new partitions some milliseconds after it has made them. */
const GROWTH_TIMEOUT_MS = 5000;

export class AdminKafkaTopics implements KafkaTopics {
  readonly #connection: KafkaConnection;
  #admin: Promise<KafkaAdmin> | null = null;

  constructor(connection: KafkaConnection) {
    this.#connection = connection;
  }

  async partitionsOf(kafkaTopic: string): Promise<number | null> {
    const admin = await this.#connect();
    return (await admin.describeTopic(kafkaTopic))?.partitions.length ?? null;
  }

  async endOffsets(kafkaTopic: string, partitions: number): Promise<Map<number, number>> {
    const ranges = await this.ranges(kafkaTopic, partitions);
    return new Map([...ranges].map(([partition, { highOffset }]) => [partition, highOffset]));
  }

  async ranges(kafkaTopic: string, partitions: number): Promise<Map<number, OffsetRange>> {
    const admin = await this.#connect();
    const ranges = await Promise.all(
      Array.from({ length: partitions }, async (_, partition) => {
        return [partition, await admin.queryWatermarkOffsets(kafkaTopic, partition)] as const;
      }),
    );
    return new Map(ranges);
  }

  async offsetsForTime(kafkaTopic: string, partitions: number, timeMs: number): Promise<Map<number, number | null>> {
    const admin = await this.#connect();
    return admin.offsetsForTime(kafkaTopic, partitions, timeMs);
  }

  async create({ kafkaTopic, partitions, settings }: KafkaTopicSettings): Promise<void> {
    const admin = await this.#connect();
    await admin.createTopic({ topic: kafkaTopic, partitions, config: settings });
  }

  async addPartitions(kafkaTopic: string, total: number): Promise<void> {
    const admin = await this.#connect();
    await admin.addPartitions(kafkaTopic, total);
    await retry(
      async () => {
        const { partitions } = (await admin.describeTopic(kafkaTopic)) ?? { partitions: [] };
        if (partitions.length >= total && partitions.every(({ hasLeader }) => hasLeader)) return;
        const reason = 'its new partitions have no leader yet';
        throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: `Kafka topic ${kafkaTopic}`, reason });
      },
      { baseMs: 20, maxMs: 200, attempts: 'forever', timeoutMs: GROWTH_TIMEOUT_MS },
    );
  }

  async delete(kafkaTopic: string): Promise<void> {
    const admin = await this.#connect();
    await admin.deleteTopic(kafkaTopic);
  }

  async close(): Promise<void> {
    const admin = this.#admin;
    this.#admin = null;
    if (admin !== null) await (await admin).disconnect();
  }

  #connect(): Promise<KafkaAdmin> {
    this.#admin ??= createAdmin(this.#connection).catch((error: unknown) => {
      this.#admin = null;
      throw error;
    });
    return this.#admin;
  }
}
