// Reads windows of a topic's partitions from Kafka, with a consumer that is used for nothing else.

import type { KafkaConsumer, KafkaMessage } from '../../../platform/kafka.ts';
import type { OffsetWindow, PartitionRange } from './backward-read.ts';

/** A poll of so many small records takes about a millisecond of the main thread; live delivery has its turn in between. */
const POLL_RECORDS = 200;

export interface ReadLimits {
  readonly maxBytes: number;
  /** On the clock of `nowMs`. */
  readonly deadlineMs: number;
  readonly nowMs: () => number;
}

export interface ReadRecords {
  readonly messages: readonly KafkaMessage[];
  readonly bytes: number;
  /** What ended it before the end of the windows. */
  readonly cutBy: 'bytes' | 'time' | null;
}

export class TrafficReader {
  readonly #consumer: KafkaConsumer;
  /** Windows that are being read, by partition. */
  readonly #open = new Map<number, OffsetWindow>();
  /** Partitions whose end was met; the consumer tells it before it gives out the records of the same poll. */
  readonly #ended = new Set<number>();

  constructor(consumer: KafkaConsumer) {
    this.#consumer = consumer;
    // A log may end in markers and holes that are no records: then no message says that the window has been read.
    consumer.handle.on('partition.eof', ({ partition, offset }) => {
      const window = this.#open.get(partition);
      if (window && offset >= window.to) this.#ended.add(partition);
    });
  }

  /**
   * One after the other: each question occupies one of the few threads with which the process also reads live records.
   *
   * @returns partitions that hold records; those not asked by the deadline are left out
   */
  async ranges(topic: string, partitions: number, { deadlineMs, nowMs }: ReadLimits): Promise<PartitionRange[]> {
    const ranges: PartitionRange[] = [];
    for (let partition = 0; partition < partitions && nowMs() < deadlineMs; partition++) {
      const { lowOffset, highOffset } = await this.#consumer.queryWatermarkOffsets(topic, partition);
      if (highOffset > lowOffset) ranges.push({ partition, lowOffset, highOffset });
    }
    return ranges;
  }

  async read(topic: string, windows: readonly OffsetWindow[], limits: ReadLimits): Promise<ReadRecords> {
    const { maxBytes, deadlineMs, nowMs } = limits;
    const messages: KafkaMessage[] = [];
    let bytes = 0;
    let cutBy: ReadRecords['cutBy'] = null;
    for (const window of windows) this.#open.set(window.partition, window);
    try {
      this.#consumer.assign(windows.map(({ partition, from }) => ({ topic, partition, offset: from })));
      while (this.#open.size > 0 && cutBy === null) {
        for (const message of await this.#consumer.consume(POLL_RECORDS)) {
          if (!this.#take(message)) continue;
          messages.push(message);
          bytes += message.size;
        }
        for (const partition of this.#ended) this.#open.delete(partition);
        this.#ended.clear();
        if (bytes > maxBytes) cutBy = 'bytes';
        else if (nowMs() > deadlineMs) cutBy = 'time';
      }
    } finally {
      this.#open.clear();
      this.#ended.clear();
      this.#consumer.unassign();
    }
    return { messages, bytes, cutBy };
  }

  /** @returns whether the record belongs to its window */
  #take({ partition, offset }: KafkaMessage): boolean {
    const window = this.#open.get(partition);
    if (!window || offset < window.from) return false;
    if (offset >= window.to - 1) this.#open.delete(partition);
    return offset < window.to;
  }
}
