// What a consumer can be told, and what that means in librdkafka's own settings.

import { clientSettings, type KafkaConnection } from './kafka-client.ts';

export interface ConsumerOptions extends KafkaConnection {
  readonly groupId: string;
  /** Most bytes that are fetched ahead, over all partitions. */
  readonly prefetchBytes?: number;
  /** Most records that are fetched ahead of each partition. */
  readonly prefetchRecords?: number;
  /** How long `consume` waits for a first record when there is none. */
  readonly idleWaitMs?: number;
  /** Where to go when the offset to read is gone; `error`: `consume` rejects. */
  readonly offsetReset?: 'earliest' | 'latest' | 'error';
}

/** 32 MiB: a tenth of a second of the firehose; more would only be memory, less would let the socket run dry. */
const PREFETCH_BYTES = 33_554_432;
const PREFETCH_RECORDS = 20_000;
/** 20 ms: how long a broker may hold a fetch to gather bytes. It answers at once when there is a single one. */
const FETCH_WAIT_MS = 20;

export const consumerSettings = (options: ConsumerOptions) => ({
  ...clientSettings(options),
  'group.id': options.groupId,
  'enable.auto.commit': false,
  'enable.auto.offset.store': false,
  // Tells when a partition has been read to its end.
  'enable.partition.eof': true,
  'fetch.wait.max.ms': FETCH_WAIT_MS,
  'fetch.error.backoff.ms': 50,
  'queued.min.messages': options.prefetchRecords ?? PREFETCH_RECORDS,
  'queued.max.messages.kbytes': Math.ceil((options.prefetchBytes ?? PREFETCH_BYTES) / 1024),
  // 10 ms instead of 1 s: how long fetching stops after the prefetch was full, which at full speed is all the time.
  'fetch.queue.backoff.ms': 10,
});
