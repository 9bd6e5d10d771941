// Takes records from Kafka and puts them into the slabs of their partition's pipeline. When a pipeline has no room, nothing
// is consumed: Kafka holds the backlog. Partitions come and go only between two polls, so that no record of an earlier
// assignment can be taken for one of a later.

import { setTimeout as delay } from 'node:timers/promises';
import { type KafkaConsumer, type KafkaMessage, kafkaCodeOf } from '../../platform/kafka.ts';
import type { Logger } from '../../platform/log.ts';
import { backoffMs } from '../../platform/retry.ts';
import { reasonOf } from '../../schemas/errors.ts';
import type { OwnedPartition } from './owned-partition.ts';

const ERROR_BACKOFF = { baseMs: 20, maxMs: 1000 } as const;

/** A poll ends within the consumer's `idleWaitMs`; one that does not by now hangs, and a stop goes on without it. */
const POLL_DEADLINE_MS = 1000;

export interface ConsumerLoopOptions {
  readonly consumer: KafkaConsumer;
  readonly pollRecords: number;
  readonly log: Logger;
  /** A record of the partition is in a slab. */
  readonly received: (partition: OwnedPartition, nextOffset: number) => void;
  /** Milliseconds, never going back. */
  readonly now: () => number;
}

export class ConsumerLoop {
  readonly #options: ConsumerLoopOptions;
  readonly #partitions = new Map<string, OwnedPartition>();
  readonly #operations: (() => void)[] = [];
  #operationArrived = Promise.withResolvers<void>();
  #running: Promise<void> = Promise.resolve();
  #stopping = false;
  #failures = 0;
  #blockedSinceMs: number | null = null;
  #blockedMs = 0;
  #abandonPoll: () => void = () => {};

  constructor(options: ConsumerLoopOptions) {
    this.#options = options;
    this.#listen();
  }

  /** True while a pipeline without room keeps the loop from consuming. */
  get isBlocked(): boolean {
    return this.#blockedSinceMs !== null;
  }

  /** A clock, in milliseconds, that stands still while the loop is blocked. */
  get consumingMs(): number {
    const nowMs = this.#options.now();
    return nowMs - this.#blockedMs - (this.#blockedSinceMs === null ? 0 : nowMs - this.#blockedSinceMs);
  }

  /** @param onFailure the loop itself broke: a bug */
  start(onFailure: (error: unknown) => void): void {
    this.#running = this.#run();
    this.#running.catch(onFailure);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#operationArrived.resolve();
    const timer = setTimeout(() => this.#abandonPoll(), POLL_DEADLINE_MS);
    await this.#running;
    clearTimeout(timer);
  }

  partitions(): Iterable<OwnedPartition> {
    return this.#partitions.values();
  }

  /** Begins to read the partition at its `nextOffset`. */
  begin(partition: OwnedPartition): Promise<void> {
    return this.#betweenPolls(() => {
      const place = placeOf(partition);
      partition.lastProgressMs = this.#options.now();
      partition.atEnd = false;
      partition.endOffset = -1;
      this.#options.consumer.incrementalAssign([{ ...place, offset: partition.nextOffset }]);
      this.#partitions.set(placeKey(place.topic, place.partition), partition);
    });
  }

  /** After this, no further record of the partition is received. */
  end(partition: OwnedPartition): Promise<void> {
    return this.#betweenPolls(() => {
      const place = placeOf(partition);
      const key = placeKey(place.topic, place.partition);
      if (this.#partitions.get(key) !== partition) return;
      this.#partitions.delete(key);
      this.#options.consumer.incrementalUnassign([place]);
    });
  }

  /** Has librdkafka begin anew with the partition, at its `nextOffset`. */
  reassign(partition: OwnedPartition): Promise<void> {
    return this.#betweenPolls(() => {
      const place = placeOf(partition);
      if (this.#partitions.get(placeKey(place.topic, place.partition)) !== partition) return;
      partition.atEnd = false;
      partition.endOffset = -1;
      this.#options.consumer.incrementalUnassign([place]);
      this.#options.consumer.incrementalAssign([{ ...place, offset: partition.nextOffset }]);
      this.#options.consumer.resume([place]); // a pause would outlive the assignment
    });
  }

  /**
   * Goes on over a new connection, with all partitions at their `nextOffset`. What a poll of the one before still brings
   * is left alone: it is read again.
   *
   * @throws MdsError `MDS_DEPENDENCY_UNAVAILABLE`
   */
  async reopen(): Promise<void> {
    const { consumer } = this.#options;
    const connection = await consumer.reopen();
    const switched = this.#betweenPolls(() => {
      connection.use();
      this.#listen();
      for (const partition of this.#partitions.values()) {
        partition.atEnd = false;
        partition.endOffset = -1;
      }
      consumer.assign([...this.#partitions.values()].map((one) => ({ ...placeOf(one), offset: one.nextOffset })));
    });
    this.#abandonPoll();
    await switched;
  }

  #listen(): void {
    const { consumer, now } = this.#options;
    const { handle } = consumer;
    handle.on('partition.eof', ({ topic, partition, offset }) => {
      const reached = this.#partitions.get(placeKey(topic, partition));
      if (!reached || consumer.handle !== handle) return;
      reached.atEnd = true;
      reached.endOffset = offset;
      reached.lastProgressMs = now();
    });
  }

  #betweenPolls(operation: () => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#operations.push(() => {
      try {
        operation();
        resolve();
      } catch (error) {
        reject(error);
      }
    });
    this.#operationArrived.resolve();
    return promise;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      this.#runOperations();
      if (this.#partitions.size === 0) await this.#operationArrived.promise;
      else await this.#poll();
    }
    this.#runOperations();
  }

  #runOperations(): void {
    this.#operationArrived = Promise.withResolvers<void>();
    for (const operation of this.#operations.splice(0)) operation();
    if (this.#stopping) this.#operationArrived.resolve();
  }

  async #poll(): Promise<void> {
    const { log } = this.#options;
    try {
      const messages = await this.#consume();
      if (this.#failures > 0) log.info('records are consumed again');
      this.#failures = 0;
      await this.#distribute(messages);
    } catch (error) {
      // What it means for a partition (its offset is gone, its topic is gone) is found by range-watch.ts.
      if (this.#failures === 0) log.warn({ reason: reasonOf(error), code: kafkaCodeOf(error) }, 'consuming failed');
      await delay(backoffMs(this.#failures++, ERROR_BACKOFF));
    }
  }

  /** A poll that never comes back can be given up. */
  #consume(): Promise<readonly KafkaMessage[]> {
    const { consumer, pollRecords } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<readonly KafkaMessage[]>();
    this.#abandonPoll = () => resolve([]);
    consumer.consume(pollRecords).then(resolve, reject);
    return promise;
  }

  async #distribute(messages: readonly KafkaMessage[]): Promise<void> {
    const receivedMs = Date.now();
    const touched = new Set<OwnedPartition>();
    for (const message of messages) {
      let partition = this.#partitions.get(placeKey(message.topic, message.partition));
      while (partition && message.offset >= partition.nextOffset && !append(partition, message, receivedMs)) {
        await this.#waitForRoom(partition);
        if (this.#stopping) return;
        partition = this.#partitions.get(placeKey(message.topic, message.partition));
      }
      if (!partition || message.offset < partition.nextOffset) continue;
      partition.nextOffset = message.offset + 1;
      this.#options.received(partition, partition.nextOffset);
      touched.add(partition);
    }
    const nowMs = this.#options.now();
    for (const partition of touched) {
      partition.lastProgressMs = nowMs;
      // The end was reported during this poll when it lies behind what was read, before it otherwise.
      partition.atEnd = partition.endOffset >= partition.nextOffset;
    }
    for (const pipeline of new Set([...touched].map((partition) => partition.pipeline))) pipeline.flush();
  }

  /** Meanwhile partitions may still be given back: their records in hand are then left for the next owner. */
  async #waitForRoom({ pipeline }: OwnedPartition): Promise<void> {
    pipeline.flush();
    const sinceMs = this.#options.now();
    this.#blockedSinceMs = sinceMs;
    await Promise.race([pipeline.room(), this.#operationArrived.promise]);
    this.#blockedSinceMs = null;
    this.#blockedMs += this.#options.now() - sinceMs;
    this.#runOperations();
  }
}

const placeKey = (topic: string, partition: number): string => `${topic}/${partition}`;

function placeOf({ topic, grant }: OwnedPartition): { topic: string; partition: number } {
  if (!topic) throw new Error(`partition ${grant.topicId}/${grant.partition} is consumed before its topic is known`);
  return { topic: topic.kafkaTopic, partition: grant.partition };
}

function append({ slot, pipeline }: OwnedPartition, message: KafkaMessage, receivedMs: number): boolean {
  return pipeline.append({
    slot,
    offset: message.offset,
    timestampMs: message.timestamp ?? 0,
    receivedMs,
    value: message.value,
    key: typeof message.key === 'string' ? Buffer.from(message.key) : (message.key ?? null),
  });
}
