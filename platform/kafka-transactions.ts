// Read, process, write exactly once (KIP-98, KIP-447): a producer whose records and the consumer's offsets become visible
// together or not at all, and a consumer that shares a topic through Kafka's group protocol. Whoever is replaced in the
// group cannot commit any more, so two processes may believe they own a partition without anything standing twice.

import type { KafkaConsumer as ConsumerHandle, LibrdKafkaError, TopicPartition } from 'node-rdkafka';
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
import type { KafkaMessage, PartitionCommit, PartitionPlace } from './kafka-consumer.ts';

export interface TransactionalOptions extends KafkaConnection {
  /** Kafka fences an older producer of the same id as soon as a newer one has begun. */
  readonly transactionalId: string;
  readonly maxRecordBytes?: number;
}

/** Every call may throw MdsError `MDS_DEPENDENCY_UNAVAILABLE`; after that the producer is only good for `close`. */
export interface TransactionalProducer {
  begin(): Promise<void>;
  /** @param partition null: by the key's hash as Java's producer does it, or any partition when there is no key */
  produce(topic: string, partition: number | null, value: Uint8Array, key: Uint8Array | string | null): Promise<void>;
  /** The consumer's progress becomes part of the transaction. */
  sendOffsets(consumer: GroupConsumer, offsets: readonly PartitionCommit[]): Promise<void>;
  commit(): Promise<void>;
  /** Gives up what was begun, when there is something, and disconnects. */
  close(): Promise<void>;
}

/** 10 s: readers of committed records wait no longer than this behind a process that was killed. */
const TRANSACTION_TIMEOUT_MS = 10_000;
const CALL_TIMEOUT_MS = 8000;
const ABORT_TIMEOUT_MS = 2000;
const MAX_RECORD_BYTES = 8_388_608;
/** A queue that is full by bytes drains in milliseconds. */
const QUEUE_FULL_WAIT_MS = 5;

/** Connects and fences older producers of the same id. @throws MdsError as `connectClient` */
export async function createTransactionalProducer(options: TransactionalOptions): Promise<TransactionalProducer> {
  const handle = await connectClient(
    options,
    () =>
      new kafka.Producer(
        {
          ...clientSettings(options),
          'transactional.id': options.transactionalId,
          'transaction.timeout.ms': TRANSACTION_TIMEOUT_MS,
          'linger.ms': 2,
          'compression.codec': kafka.features.includes('lz4') ? ('lz4' as const) : ('none' as const),
          'message.max.bytes': options.maxRecordBytes ?? MAX_RECORD_BYTES,
        },
        { partitioner: 'murmur2_random' },
      ),
  );
  try {
    await call<unknown>('Kafka (init transactions)', (done) =>
      handle.initTransactions(CALL_TIMEOUT_MS, (error) => done(error, undefined)),
    );
  } catch (error) {
    await disconnectClient(handle);
    throw error;
  }
  let isOpen = false;
  return {
    begin: async () => {
      await call<unknown>('Kafka (begin)', (done) => handle.beginTransaction((error) => done(error, undefined)));
      isOpen = true;
    },
    produce: async (topic, partition, value, key) => {
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      const keyBytes = typeof key === 'string' || key === null ? key : Buffer.from(key);
      for (;;) {
        try {
          handle.produce(topic, partition, bytes, keyBytes);
          return;
        } catch (error) {
          if (kafkaCodeOf(error) !== KAFKA_CODES.QUEUE_FULL) throw asKafkaError(error, 'Kafka (produce)');
          await new Promise((resolve) => setTimeout(resolve, QUEUE_FULL_WAIT_MS));
        }
      }
    },
    sendOffsets: async (consumer, offsets) => {
      await call<unknown>('Kafka (offsets of a transaction)', (done) =>
        handle.sendOffsetsToTransaction([...offsets], consumer.handle, CALL_TIMEOUT_MS, (error) =>
          done(error, undefined),
        ),
      );
    },
    commit: async () => {
      // Flushes first; a record that could not be written fails the commit.
      await call<unknown>('Kafka (commit)', (done) =>
        handle.commitTransaction(CALL_TIMEOUT_MS, (error) => done(error, undefined)),
      );
      isOpen = false;
    },
    close: async () => {
      if (isOpen) {
        await call<unknown>('Kafka (abort)', (done) =>
          handle.abortTransaction(ABORT_TIMEOUT_MS, (error) => done(error, undefined)),
        ).catch((error: unknown) => {
          // A fenced producer has nothing left to abort, and any other transaction ends by its timeout.
          options.log.debug({ reason: String(error) }, 'a transaction was left to its timeout');
        });
      }
      await disconnectClient(handle);
    },
  };
}

export interface GroupConsumerOptions extends KafkaConnection {
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly prefetchBytes: number;
  readonly idleWaitMs: number;
}

export type Rebalance =
  | { readonly kind: 'assigned'; readonly partitions: readonly PartitionPlace[] }
  | { readonly kind: 'revoked'; readonly partitions: readonly PartitionPlace[] };

export interface GroupConsumer {
  readonly handle: ConsumerHandle;
  /** What the group wants next. It waits until it is answered by `assign` or `unassign`; null: nothing. */
  takeRebalance(): Rebalance | null;
  /** @param offsets first record to read of each partition */
  assign(offsets: readonly PartitionCommit[]): void;
  unassign(): void;
  /** The group's committed offsets, null where there is none. */
  committed(
    partitions: readonly PartitionPlace[],
  ): Promise<readonly (PartitionPlace & { readonly offset: number | null })[]>;
  consume(maxMessages: number): Promise<readonly KafkaMessage[]>;
  /** Other topics from now on; the group then shares them out anew. */
  subscribe(topics: readonly string[]): void;
  close(): Promise<void>;
}

/** 6 s: a killed member is replaced within this; a shorter session would expel members on a busy machine. */
const SESSION_TIMEOUT_MS = 6000;
const HEARTBEAT_MS = 1000;
const QUERY_TIMEOUT_MS = 5000;
const ASSIGN_PARTITIONS = -175;
const REVOKE_PARTITIONS = -174;

/** Joins the group. Only committed records are read. @throws MdsError as `connectClient` */
export async function createGroupConsumer(options: GroupConsumerOptions): Promise<GroupConsumer> {
  const waiting: Rebalance[] = [];
  let isClosing = false;
  const onRebalance = (error: LibrdKafkaError, partitions: TopicPartition[]): void => {
    if (isClosing) {
      handle.unassign(); // nobody takes it any more, and leaving the group waits for an answer
      return;
    }
    const places = partitions.map(({ topic, partition }) => ({ topic, partition }));
    if (error.code === ASSIGN_PARTITIONS) waiting.push({ kind: 'assigned', partitions: places });
    else if (error.code === REVOKE_PARTITIONS) waiting.push({ kind: 'revoked', partitions: places });
  };
  const handle: ConsumerHandle = await connectClient(
    options,
    () =>
      new kafka.KafkaConsumer(
        {
          ...clientSettings(options),
          'group.id': options.groupId,
          'enable.auto.commit': false,
          'enable.auto.offset.store': false,
          'session.timeout.ms': SESSION_TIMEOUT_MS,
          'heartbeat.interval.ms': HEARTBEAT_MS,
          'isolation.level': 'read_committed',
          'fetch.wait.max.ms': 50,
          'queued.max.messages.kbytes': Math.ceil(options.prefetchBytes / 1024),
          rebalance_cb: onRebalance,
        },
        { 'auto.offset.reset': 'earliest' },
      ),
  );
  handle.setDefaultConsumeTimeout(options.idleWaitMs);
  callSync('Kafka (subscribe)', () => void handle.subscribe([...options.topics]));
  return {
    handle,
    takeRebalance: () => waiting.shift() ?? null,
    assign: (offsets) => callSync('Kafka (assign)', () => void handle.assign([...offsets])),
    unassign: () => callSync('Kafka (unassign)', () => void handle.unassign()),
    committed: async (partitions) => {
      if (partitions.length === 0) return [];
      const found = await call<{ topic: string; partition: number; offset?: unknown }[]>('Kafka (committed)', (done) =>
        handle.committed([...partitions], QUERY_TIMEOUT_MS, done),
      );
      return found.map(({ topic, partition, offset }) => ({
        topic,
        partition,
        offset: typeof offset === 'number' && offset >= 0 ? offset : null,
      }));
    },
    consume: async (maxMessages) => {
      try {
        return await call<KafkaMessage[]>('Kafka (consume)', (done) => handle.consume(maxMessages, done));
      } catch (error) {
        if (kafkaCodeOf(error) === KAFKA_CODES.TIMED_OUT) return [];
        throw error;
      }
    },
    subscribe: (topics) => callSync('Kafka (subscribe)', () => void handle.subscribe([...topics])),
    close: () => {
      isClosing = true;
      if (waiting.length > 0 && handle.isConnected()) handle.unassign();
      return disconnectClient(handle);
    },
  };
}
