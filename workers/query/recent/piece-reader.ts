// Reads pieces of a topic's log: some records of several partitions at once. One reader serves one scan at a time.

import { createConsumer, type KafkaConsumer, type KafkaMessage } from '../../../platform/kafka.ts';
import type { Logger } from '../../../platform/log.ts';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { Left, Piece } from './recent-scan.ts';

const READ_TIMEOUT_MS = 5000;
const POLL_RECORDS = 1000;
/** 8 MiB: a piece is a few records of each partition. */
const PREFETCH_BYTES = 8_388_608;

export class PieceReader {
  readonly #brokers: string;
  readonly #log: Logger;
  #connecting: Promise<KafkaConsumer> | null = null;
  /** By partition: where its log ends, as reading has found. */
  readonly #ends = new Map<number, number>();

  constructor(brokers: string, log: Logger) {
    this.#brokers = brokers;
    this.#log = log;
  }

  /** What Kafka holds of a topic between two times, by the time at which it got the records; null: no bound. */
  async range({ kafkaTopic, partitions }: CatalogTopic, fromMs: number | null, toMs: number | null): Promise<Left[]> {
    const consumer = await this.#connected();
    const all = Array.from({ length: partitions }, (_, partition) => partition);
    const at = async (timeMs: number | null): Promise<ReadonlyMap<number, number | null>> => {
      if (timeMs === null) return new Map();
      const found = await consumer.offsetsForTimes(all.map((partition) => ({ topic: kafkaTopic, partition, timeMs })));
      return new Map(found.map(({ partition, offset }) => [partition, offset]));
    };
    const [froms, tos] = [await at(fromMs), await at(toMs)];
    return Promise.all(
      all.map(async (partition) => {
        const { lowOffset, highOffset } = await consumer.queryWatermarkOffsets(kafkaTopic, partition);
        const from = fromMs === null ? lowOffset : (froms.get(partition) ?? highOffset);
        const to = tos.get(partition) ?? highOffset;
        return { partition, from: Math.max(from, lowOffset), to, given: 0 };
      }),
    );
  }

  /** @returns messages of the pieces, by partition, in order @throws MdsError `MDS_TIMEOUT` */
  async read({ kafkaTopic }: CatalogTopic, pieces: readonly Piece[]): Promise<Map<number, KafkaMessage[]>> {
    const consumer = await this.#connected();
    const found = new Map(pieces.map(({ partition }): [number, KafkaMessage[]] => [partition, []]));
    const reached = new Map(pieces.map(({ partition, from }) => [partition, from]));
    const ends = new Map(pieces.map(({ partition, to }) => [partition, to]));
    const isDone = (): boolean =>
      pieces.every(({ partition, to }) => Math.max(reached.get(partition) ?? 0, this.#ends.get(partition) ?? 0) >= to);
    const deadlineMs = performance.now() + READ_TIMEOUT_MS;
    this.#ends.clear();
    consumer.assign(pieces.map(({ partition, from }) => ({ topic: kafkaTopic, partition, offset: from })));
    try {
      while (!isDone()) {
        if (performance.now() > deadlineMs) {
          throw new MdsError('MDS_TIMEOUT', { operation: `Reading ${kafkaTopic}`, timeoutMs: READ_TIMEOUT_MS });
        }
        for (const message of await consumer.consume(POLL_RECORDS)) {
          const { partition, offset } = message;
          reached.set(partition, Math.max(reached.get(partition) ?? 0, offset + 1));
          if (offset < (ends.get(partition) ?? 0)) found.get(partition)?.push(message);
        }
      }
      return found;
    } finally {
      consumer.unassign();
    }
  }

  async close(): Promise<void> {
    const connecting = this.#connecting;
    this.#connecting = null;
    await (await connecting?.catch(() => null))?.disconnect();
  }

  #connected(): Promise<KafkaConsumer> {
    this.#connecting ??= this.#connect().catch((error: unknown) => {
      this.#connecting = null; // tried again by the next read
      throw error;
    });
    return this.#connecting;
  }

  async #connect(): Promise<KafkaConsumer> {
    const consumer = await createConsumer({
      brokers: this.#brokers,
      log: this.#log,
      name: 'query-recent',
      groupId: 'mds-query-recent', // commits nothing
      prefetchBytes: PREFETCH_BYTES,
      idleWaitMs: 20,
      offsetReset: 'earliest',
      connectTimeoutMs: READ_TIMEOUT_MS,
    });
    // A log may end in markers that are no records: then no message says that everything was read.
    consumer.handle.on('partition.eof', ({ partition, offset }) => this.#ends.set(partition, offset));
    return consumer;
  }
}
