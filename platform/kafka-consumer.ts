// A consumer of assigned partitions: who reads what is decided by the control plane, not by Kafka's group protocol. The
// group only holds committed offsets.

import type { KafkaConsumer as Handle, Message, TopicPartitionOffset, WatermarkOffsets } from 'node-rdkafka';
import { MdsError } from '../schemas/errors.ts';
import {
  asKafkaError,
  call,
  callSync,
  clientSettings,
  connectClient,
  disconnectClient,
  KAFKA_CODES,
  type KafkaConnection,
  kafka,
  kafkaCodeOf,
} from './kafka-client.ts';

export type KafkaMessage = Message;

export interface PartitionPlace {
  readonly topic: string;
  readonly partition: number;
}
export interface PartitionStart extends PartitionPlace {
  /** Offset of the first record to read; `'committed'`: the group's, or else as `offsetReset` says. */
  readonly offset: number | 'earliest' | 'latest' | 'committed';
}
export interface PartitionCommit extends PartitionPlace {
  /** Offset of the next record to read: one more than the last that is done. */
  readonly offset: number;
}

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
/** 50 ms: an idle consumer then costs twenty wake-ups a second, and a stop waits no longer than this for it. */
const IDLE_WAIT_MS = 50;
/** 20 ms: how long a broker may hold a fetch to gather bytes. It answers at once when there is a single one. */
const FETCH_WAIT_MS = 20;
const QUERY_TIMEOUT_MS = 5000;
const LOGICAL_OFFSETS = { earliest: -2, latest: -1, committed: -1000 } as const;

export interface KafkaConsumer {
  /** node-rdkafka's consumer, for what is not offered here. */
  readonly handle: Handle;
  /** Replaces the whole assignment. */
  assign(partitions: readonly PartitionStart[]): void;
  unassign(): void;
  incrementalAssign(partitions: readonly PartitionStart[]): void;
  incrementalUnassign(partitions: readonly PartitionPlace[]): void;
  pause(partitions: readonly PartitionPlace[]): void;
  resume(partitions: readonly PartitionPlace[]): void;
  /** Up to `maxMessages` of what is there, or of what comes first within `idleWaitMs`; else empty. One call at a time. */
  consume(maxMessages: number): Promise<readonly KafkaMessage[]>;
  /** The group's committed offsets, null where there is none. */
  committed(
    partitions: readonly PartitionPlace[],
  ): Promise<readonly (PartitionPlace & { readonly offset: number | null })[]>;
  /** Resolves when the broker has accepted the offsets; does not depend on `consume` being called meanwhile. */
  commit(offsets: readonly PartitionCommit[]): Promise<void>;
  /** First offset that still exists, and one more than the last. */
  queryWatermarkOffsets(topic: string, partition: number): Promise<WatermarkOffsets>;
  /** The first offset at or after a time (ms since 1970) in each partition; null when there is none yet. */
  offsetsForTimes(
    times: readonly (PartitionPlace & { readonly timeMs: number })[],
  ): Promise<readonly (PartitionPlace & { readonly offset: number | null })[]>;
  disconnect(): Promise<void>;
}

/** Connects a consumer. @throws MdsError as `connectClient` */
export async function createConsumer(options: ConsumerOptions): Promise<KafkaConsumer> {
  const handle = await connectClient(options, () => {
    const made = new kafka.KafkaConsumer(consumerSettings(options), {
      'auto.offset.reset': options.offsetReset ?? 'earliest',
    });
    return made;
  });
  const committer = new Committer(options);
  return {
    handle,
    assign: (partitions) => callSync('Kafka (assign)', () => void handle.assign(withOffsets(partitions))),
    unassign: () => callSync('Kafka (unassign)', () => void handle.unassign()),
    incrementalAssign: (partitions) =>
      callSync('Kafka (assign)', () => void handle.incrementalAssign(withOffsets(partitions))),
    incrementalUnassign: (partitions) =>
      callSync('Kafka (unassign)', () => void handle.incrementalUnassign([...partitions])),
    pause: (partitions) => callSync('Kafka (pause)', () => void handle.pause([...partitions])),
    resume: (partitions) => callSync('Kafka (resume)', () => void handle.resume([...partitions])),
    consume: (maxMessages) => consume(handle, maxMessages, options.idleWaitMs ?? IDLE_WAIT_MS),
    committed: (partitions) => committed(handle, partitions),
    commit: (offsets) => committer.commit(offsets),
    queryWatermarkOffsets: (topic, partition) =>
      call('Kafka (offsets)', (done) => handle.queryWatermarkOffsets(topic, partition, QUERY_TIMEOUT_MS, done)),
    offsetsForTimes: (times) => offsetsForTimes(handle, times),
    disconnect: async () => {
      await Promise.all([committer.disconnect(), disconnectClient(handle)]);
    },
  };
}

const consumerSettings = (options: ConsumerOptions) => ({
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

/**
 * Everything that is there; when nothing is, waits for a first record and takes what came with it. One call that waits
 * would hold that record back until its timeout or until the broker says that nothing follows, which is another fetch: an
 * idle stream was 40 ms late instead of 5.
 */
async function consume(handle: Handle, maxMessages: number, idleWaitMs: number): Promise<readonly KafkaMessage[]> {
  const ready = await consumeWithin(handle, maxMessages, 0);
  if (ready.length > 0) return ready;
  const first = await consumeWithin(handle, 1, idleWaitMs);
  if (first.length === 0 || maxMessages === 1) return first;
  try {
    return [...first, ...(await consumeWithin(handle, maxMessages - 1, 0))];
  } catch {
    return first; // what is wrong is met again by the next call; these records must not be lost over it
  }
}

async function consumeWithin(handle: Handle, maxMessages: number, timeoutMs: number): Promise<Message[]> {
  handle.setDefaultConsumeTimeout(timeoutMs);
  try {
    return await call<Message[]>('Kafka (consume)', (done) => handle.consume(maxMessages, done));
  } catch (error) {
    if (kafkaCodeOf(error) === KAFKA_CODES.TIMED_OUT) return [];
    throw error;
  }
}

async function committed(handle: Handle, partitions: readonly PartitionPlace[]) {
  if (partitions.length === 0) return [];
  const found = await call<TopicPartitionOffset[]>('Kafka (committed)', (done) =>
    handle.committed([...partitions], QUERY_TIMEOUT_MS, done),
  );
  return found.map(({ topic, partition, offset }) => ({
    topic,
    partition,
    offset: typeof offset === 'number' && offset >= 0 ? offset : null,
  }));
}

async function offsetsForTimes(handle: Handle, times: readonly (PartitionPlace & { readonly timeMs: number })[]) {
  if (times.length === 0) return [];
  const asked = times.map(({ topic, partition, timeMs }) => ({ topic, partition, offset: timeMs }));
  const found = await call<TopicPartitionOffset[]>('Kafka (offsets for times)', (done) =>
    handle.offsetsForTimes(asked, QUERY_TIMEOUT_MS, done),
  );
  return found.map(({ topic, partition, offset }) => ({
    topic,
    partition,
    offset: typeof offset === 'number' && offset >= 0 ? offset : null,
  }));
}

const withOffsets = (partitions: readonly PartitionStart[]): TopicPartitionOffset[] =>
  partitions.map(({ topic, partition, offset }) => ({
    topic,
    partition,
    offset: typeof offset === 'number' ? offset : LOGICAL_OFFSETS[offset],
  }));

interface PendingCommit {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Commits over a connection of its own. librdkafka hands out the result of a commit only inside consume(), between the
 * records; a worker that has paused for backpressure would wait for it for ever. This connection has no partitions, so its
 * consume() hands out nothing but results.
 */
class Committer {
  readonly #options: ConsumerOptions;
  readonly #pending: PendingCommit[] = [];
  #handle: Promise<Handle> | undefined;
  #pumping = false;

  constructor(options: ConsumerOptions) {
    this.#options = options;
  }

  async commit(offsets: readonly PartitionCommit[]): Promise<void> {
    if (offsets.length === 0) return;
    const handle = await this.#connected();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const pending = { resolve, reject };
    callSync('Kafka (commit)', () => void handle.commit([...offsets]));
    this.#pending.push(pending);
    const timeout = setTimeout(() => {
      this.#pending.splice(this.#pending.indexOf(pending), 1);
      reject(new MdsError('MDS_TIMEOUT', { operation: 'Committing offsets', timeoutMs: QUERY_TIMEOUT_MS }));
    }, QUERY_TIMEOUT_MS);
    this.#pump(handle);
    try {
      await promise;
    } finally {
      clearTimeout(timeout);
    }
  }

  async disconnect(): Promise<void> {
    if (this.#handle !== undefined) await disconnectClient(await this.#handle);
  }

  #connected(): Promise<Handle> {
    this.#handle ??= this.#connect().catch((error: unknown) => {
      this.#handle = undefined;
      throw error;
    });
    return this.#handle;
  }

  async #connect(): Promise<Handle> {
    const { health: _health, ...connection } = this.#options; // the consumer itself already reports
    const handle = await connectClient({ ...connection, name: `${connection.name}-commit` }, () => {
      const settings = { ...consumerSettings(this.#options), offset_commit_cb: true };
      return new kafka.KafkaConsumer(settings, {});
    });
    handle.setDefaultConsumeTimeout(5);
    // Results come in the order of the commits: one connection, one coordinator.
    handle.on('offset.commit', (error) => {
      const pending = this.#pending.shift();
      if (error) pending?.reject(asKafkaError(error, 'Kafka (commit)'));
      else pending?.resolve();
    });
    return handle;
  }

  #pump(handle: Handle): void {
    if (this.#pumping || this.#pending.length === 0 || !handle.isConnected()) return;
    this.#pumping = true;
    handle.consume(1, () => {
      this.#pumping = false;
      this.#pump(handle);
    });
  }
}
