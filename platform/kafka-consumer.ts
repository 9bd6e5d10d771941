// A consumer of assigned partitions: who reads what is decided by the control plane, not by Kafka's group protocol. The
// group only holds committed offsets.

import type { KafkaConsumer as Handle, Message, TopicPartitionOffset, WatermarkOffsets } from 'node-rdkafka';
import { call, callSync, connectClient, disconnectClient, KAFKA_CODES, kafka, kafkaCodeOf } from './kafka-client.ts';
import { KafkaCommitter } from './kafka-committer.ts';
import { type ConsumerOptions, consumerSettings } from './kafka-consumer-settings.ts';

export type { ConsumerOptions };
export type KafkaMessage = Message;

export interface PartitionPlace {
  readonly topic: string;
  readonly partition: number;
}
export interface PartitionStart extends PartitionPlace {
  /** Offset of the first record to read; `'committed'`: the group's, or else as `offsetReset` says. */
  readonly offset: number | 'earliest' | 'latest' | 'committed';
}
export interface PartitionEnd extends PartitionPlace {
  /** Offset that the next record will get; null: not known. */
  readonly end: number | null;
}
export interface PartitionCommit extends PartitionPlace {
  /** Offset of the next record to read: one more than the last that is done. */
  readonly offset: number;
}

/** 50 ms: an idle consumer then costs twenty wake-ups a second, and a stop waits no longer than this for it. */
const IDLE_WAIT_MS = 50;
const QUERY_TIMEOUT_MS = 5000;
/** A broker that is there answers in milliseconds. */
const REOPEN_TIMEOUT_MS = 5000;
const LOGICAL_OFFSETS = { earliest: -2, latest: -1, committed: -1000 } as const;

export interface NewConnection {
  /** Reads over it from now on: nothing is assigned, `handle` is another one. The one before is closed, if it can be. */
  use(): void;
}

export interface KafkaConsumer {
  /** node-rdkafka's consumer, for what is not offered here; another one after `reopen`. */
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
  /** The ends of partitions, asked for over another connection than the one that reads. */
  ends(partitions: readonly PartitionPlace[]): Promise<readonly PartitionEnd[]>;
  /** Connects anew; nothing changes before the new connection is used. @throws MdsError `MDS_DEPENDENCY_UNAVAILABLE` */
  reopen(): Promise<NewConnection>;
  disconnect(): Promise<void>;
}

/** Connects a consumer. @throws MdsError as `connectClient` */
export async function createConsumer(options: ConsumerOptions): Promise<KafkaConsumer> {
  return new AssignedConsumer(options, await connect(options));
}

const connect = (options: ConsumerOptions): Promise<Handle> =>
  connectClient(
    options,
    () =>
      new kafka.KafkaConsumer(consumerSettings(options), { 'auto.offset.reset': options.offsetReset ?? 'earliest' }),
  );

class AssignedConsumer implements KafkaConsumer {
  handle: Handle;
  readonly #options: ConsumerOptions;
  readonly #committer: KafkaCommitter;

  constructor(options: ConsumerOptions, handle: Handle) {
    this.#options = options;
    this.handle = handle;
    this.#committer = new KafkaCommitter(options);
  }

  assign(partitions: readonly PartitionStart[]): void {
    callSync('Kafka (assign)', () => void this.handle.assign(withOffsets(partitions)));
  }

  unassign(): void {
    callSync('Kafka (unassign)', () => void this.handle.unassign());
  }

  incrementalAssign(partitions: readonly PartitionStart[]): void {
    callSync('Kafka (assign)', () => void this.handle.incrementalAssign(withOffsets(partitions)));
  }

  incrementalUnassign(partitions: readonly PartitionPlace[]): void {
    callSync('Kafka (unassign)', () => void this.handle.incrementalUnassign([...partitions]));
  }

  pause(partitions: readonly PartitionPlace[]): void {
    callSync('Kafka (pause)', () => void this.handle.pause([...partitions]));
  }

  resume(partitions: readonly PartitionPlace[]): void {
    callSync('Kafka (resume)', () => void this.handle.resume([...partitions]));
  }

  consume(maxMessages: number): Promise<readonly KafkaMessage[]> {
    return consume(this.handle, maxMessages, this.#options.idleWaitMs ?? IDLE_WAIT_MS);
  }

  committed(partitions: readonly PartitionPlace[]) {
    return committed(this.handle, partitions);
  }

  commit(offsets: readonly PartitionCommit[]): Promise<void> {
    return this.#committer.commit(offsets);
  }

  queryWatermarkOffsets(topic: string, partition: number): Promise<WatermarkOffsets> {
    return call('Kafka (offsets)', (done) =>
      this.handle.queryWatermarkOffsets(topic, partition, QUERY_TIMEOUT_MS, done),
    );
  }

  offsetsForTimes(times: readonly (PartitionPlace & { readonly timeMs: number })[]) {
    return offsetsForTimes(this.handle, times);
  }

  ends(partitions: readonly PartitionPlace[]): Promise<readonly PartitionEnd[]> {
    return this.#committer.ends(partitions);
  }

  async reopen(): Promise<NewConnection> {
    const made = await connect({ ...this.#options, connectTimeoutMs: REOPEN_TIMEOUT_MS });
    const use = (): void => {
      const before = this.handle;
      this.handle = made;
      // Not waited for: it may be what hangs.
      before.disconnect();
    };
    return { use };
  }

  async disconnect(): Promise<void> {
    await Promise.all([this.#committer.disconnect(), disconnectClient(this.handle)]);
  }
}

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
