// Looks into Kafka whether events of certain claims were written since some time: needed only for what a process that died,
// or lost Kafka in the middle, has left unsettled. Reads headers, decodes nothing.

import { createConsumer, type KafkaConsumer, type KafkaMessage } from '../../platform/kafka.ts';
import type { Logger } from '../../platform/log.ts';
import type { CatalogTopic } from '../../schemas/coordination.ts';
import { MdsError } from '../../schemas/errors.ts';
import { CLAIM_HEADER } from '../../schemas/ingest.ts';
import type { ClaimedPlace } from './dedupe-window.ts';
import { type Cursor, placeInRanges, readHeader } from './record-place.ts';

/** Clocks of Redis and of the brokers may differ by this. */
const CLOCK_TOLERANCE_MS = 5000;
/** A search that takes longer is given up and the events count as failed: they are sent again. */
const DEADLINE_MS = 10_000;
const POLL_RECORDS = 2000;
const OFFSETS_TIMEOUT_MS = 5000;
/** 4 MiB: searches are rare. */
const PREFETCH_BYTES = 4_194_304;

export class EventSearch {
  readonly #brokers: string;
  readonly #log: Logger;
  #connecting: Promise<KafkaConsumer> | null = null;
  /** One search at a time; the consumer has one assignment. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(brokers: string, log: Logger) {
    this.#brokers = brokers;
    this.#log = log;
  }

  /**
   * @param sinceMs ms since 1970: not written before this
   * @returns those that Kafka has, by `placeKey`
   * @throws MdsError `MDS_TIMEOUT` or `MDS_DEPENDENCY_UNAVAILABLE`
   */
  find(topic: CatalogTopic, places: readonly ClaimedPlace[], sinceMs: number): Promise<Map<string, Cursor>> {
    const wanted = Map.groupBy(places, ({ claim }) => claim);
    const search = this.#last.then(
      () => this.#find(topic, wanted, sinceMs),
      () => this.#find(topic, wanted, sinceMs),
    );
    this.#last = search.catch(() => undefined); // its caller hears of it; the next search is another one
    return search;
  }

  async close(): Promise<void> {
    await this.#last;
    await (await this.#connecting)?.disconnect();
  }

  async #find(
    topic: CatalogTopic,
    wanted: ReadonlyMap<string, readonly ClaimedPlace[]>,
    sinceMs: number,
  ): Promise<Map<string, Cursor>> {
    const consumer = await this.#connected();
    const ranges = await rangesOf(consumer, topic, sinceMs - CLOCK_TOLERANCE_MS);
    const found = new Map<string, Cursor>();
    const deadlineMs = performance.now() + DEADLINE_MS;
    const onEnd = ({ partition, offset }: { readonly partition: number; readonly offset: number }): void => {
      const range = ranges.get(partition);
      if (range) range.next = Math.max(range.next, offset); // the last offsets may belong to no record
    };
    consumer.handle.on('partition.eof', onEnd);
    consumer.assign([...ranges].map(([partition, { next }]) => ({ topic: topic.kafkaTopic, partition, offset: next })));
    try {
      while ([...ranges.values()].some(({ next, end }) => next < end)) {
        if (performance.now() > deadlineMs) {
          throw new MdsError('MDS_TIMEOUT', { operation: 'Looking for events in Kafka', timeoutMs: DEADLINE_MS });
        }
        for (const message of await consumer.consume(POLL_RECORDS)) {
          const range = ranges.get(message.partition);
          if (range) range.next = message.offset + 1;
          const written = claimOf(message);
          if (!written) continue;
          for (const sought of wanted.get(written.claim) ?? []) {
            const recordIndex = placeInRanges(written.ranges, sought.place);
            if (recordIndex === null) continue;
            found.set(placeKey(sought), { partition: message.partition, offset: message.offset, recordIndex });
          }
        }
      }
      return found;
    } finally {
      consumer.handle.off('partition.eof', onEnd);
      consumer.unassign();
    }
  }

  #connected(): Promise<KafkaConsumer> {
    this.#connecting ??= createConsumer({
      brokers: this.#brokers,
      name: 'ingest-search',
      log: this.#log,
      groupId: 'mds-ingest-search', // commits nothing
      prefetchBytes: PREFETCH_BYTES,
      idleWaitMs: 20,
      offsetReset: 'earliest',
      connectTimeoutMs: OFFSETS_TIMEOUT_MS,
    }).catch((error: unknown) => {
      this.#connecting = null;
      throw error;
    });
    return this.#connecting;
  }
}

interface Range {
  next: number;
  readonly end: number;
}

async function rangesOf(consumer: KafkaConsumer, topic: CatalogTopic, sinceMs: number): Promise<Map<number, Range>> {
  const partitions = Array.from({ length: topic.partitions }, (_, partition) => partition);
  const starts = await consumer.offsetsForTimes(
    partitions.map((partition) => ({ topic: topic.kafkaTopic, partition, timeMs: sinceMs })),
  );
  const ranges = await Promise.all(
    starts.map(async ({ partition, offset }) => {
      const { highOffset: end } = await consumer.queryWatermarkOffsets(topic.kafkaTopic, partition);
      return [partition, { next: offset ?? end, end }] as const;
    }),
  );
  return new Map(ranges);
}

export const placeKey = ({ claim, place }: ClaimedPlace): string => `${claim} ${place}`;

function claimOf({ headers }: KafkaMessage): ReturnType<typeof readHeader> {
  for (const header of headers ?? []) {
    const value: unknown = header[CLAIM_HEADER];
    if (typeof value === 'string') return readHeader(value);
    if (value instanceof Uint8Array) return readHeader(Buffer.from(value).toString());
  }
  return null;
}
