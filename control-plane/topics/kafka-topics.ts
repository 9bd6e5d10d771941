// The Kafka side of topics on the real admin client, which is connected when it is first needed: the control plane
// starts, and shows status, while Kafka is away.

import { createAdmin, type KafkaAdmin, type KafkaConnection } from '../../platform/kafka.ts';
import type { KafkaTopicSettings, KafkaTopics, OffsetRange } from './ports.ts';

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
