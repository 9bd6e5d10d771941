// The loop of a rollup worker: reads its share of all topics and stores, once a second, what that added together with how
// far it has read.
//
//   consume ─▶ gather ─▶ name new series ─▶ flush (blocks + offsets, one transaction) ─▶ tell readers ─▶ consume …
//
// Nothing is kept that Postgres or Kafka does not have. Whatever fails, what was gathered is thrown away with the connection,
// and everything begins anew at the stored offsets: one path for errors, rebalances, restarts and kills.

import type { GroupConsumer, KafkaMessage } from '../../platform/kafka.ts';
import type { Logger } from '../../platform/log.ts';
import { backoffMs } from '../../platform/retry.ts';
import { readSchemaId } from '../../schemas/confluent-wire.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import type { FlushedPartition, PartitionFlush } from './flusher.ts';
import { OwnedPartition, type TimeLimits } from './owned-partition.ts';
import type { PartitionState } from './rollup-store.ts';
import type { TopicRollup } from './topic-rollup.ts';

const RETRY = { baseMs: 200, maxMs: 5000 } as const;
const POLL_RECORDS = 2000;
/** How often it is looked whether there are topics while there are none. */
const LOOK_MS = 500;

export interface RollupRunnerOptions {
  /** By Kafka topic. Another map is other rollups. */
  readonly rollups: () => Promise<ReadonlyMap<string, TopicRollup>>;
  readonly connect: (topics: readonly string[]) => Promise<GroupConsumer>;
  readonly states: (
    places: readonly { readonly rollupId: number; readonly partition: number }[],
  ) => Promise<readonly PartitionState[]>;
  /** Gives numbers to the rollup's new series. */
  readonly nameSeries: (rollup: TopicRollup) => Promise<void>;
  readonly flush: (flushes: readonly PartitionFlush[]) => Promise<FlushedPartition[]>;
  readonly onFlushed: (flushed: readonly FlushedPartition[], flushes: readonly PartitionFlush[]) => Promise<void>;
  /** Text of a writer's schema, null when there is none. */
  readonly schema: (schemaId: number) => Promise<string | null>;
  readonly limits: TimeLimits;
  readonly flushIntervalMs: number;
  /** Stores early when a partition has gathered more aggregates than this: what bounds the memory while catching up. */
  readonly maxCells: number;
  readonly log: Logger;
  readonly onFailed: (reason: string | null) => void;
  readonly now: () => number;
}

export class RollupRunner {
  readonly #options: RollupRunnerOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #rollups: ReadonlyMap<string, TopicRollup> = new Map();
  readonly #owned = new Map<string, OwnedPartition>();
  #lastFlushMs = 0;

  constructor(options: RollupRunnerOptions) {
    this.#options = options;
  }

  get partitions(): number {
    return this.#owned.size;
  }

  /** @param onBug the runner itself broke */
  start(onBug: (error: unknown) => void): void {
    this.#running = this.#runUntilStopped();
    this.#running.catch(onBug);
  }

  /** Resolves when what was gathered is stored, or given up, and the connection is closed. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #runUntilStopped(): Promise<void> {
    const { log, onFailed } = this.#options;
    for (let failures = 0; !this.#stopping.signal.aborted; ) {
      try {
        await this.#run(() => {
          if (failures > 0) log.info('the rollup goes on');
          failures = 0;
          onFailed(null);
        });
      } catch (error) {
        const reason = reasonOf(error);
        if (failures === 0) log.warn({ reason }, 'the rollup failed and begins again at what is stored');
        onFailed(reason);
        await this.#pause(backoffMs(failures, RETRY));
        failures += 1;
      } finally {
        this.#owned.clear();
      }
    }
  }

  async #run(onProgress: () => void): Promise<void> {
    this.#rollups = await this.#options.rollups();
    if (this.#rollups.size === 0) {
      onProgress();
      return this.#pause(LOOK_MS);
    }
    const consumer = await this.#options.connect([...this.#rollups.keys()]);
    try {
      while (!this.#stopping.signal.aborted) {
        await this.#rebalance(consumer);
        await this.#change(consumer);
        await this.#take(await consumer.consume(POLL_RECORDS));
        if (this.#isDue()) await this.#flush();
        onProgress();
      }
      await this.#flush();
    } finally {
      await consumer.close();
    }
  }

  async #rebalance(consumer: GroupConsumer): Promise<void> {
    const rebalance = consumer.takeRebalance();
    if (rebalance === null) return;
    await this.#flush();
    if (rebalance.kind === 'revoked') {
      this.#owned.clear();
      consumer.unassign();
      return;
    }
    const places = rebalance.partitions.map(({ topic, partition }) => ({ topic, partition }));
    await this.#own(consumer, places);
    this.#options.log.info({ partitions: this.#owned.size }, 'the rollup has partitions');
  }

  /** Takes partitions at their stored offsets, and no others. */
  async #own(
    consumer: GroupConsumer,
    places: readonly { readonly topic: string; readonly partition: number }[],
  ): Promise<void> {
    const { states, limits, now } = this.#options;
    this.#owned.clear();
    const wanted = places.flatMap(({ topic, partition }) => {
      const rollup = this.#rollups.get(topic);
      return rollup ? [{ rollup, rollupId: rollup.rollupId, partition }] : [];
    });
    const found = await states(wanted.map(({ rollupId, partition }) => ({ rollupId, partition })));
    for (const { rollup, rollupId, partition } of wanted) {
      const state = found.find((one) => one.rollupId === rollupId && one.partition === partition);
      if (!state) throw new Error(`rollup ${rollupId} has no state of partition ${partition}`);
      this.#owned.set(`${rollup.topic.kafkaTopic}/${partition}`, new OwnedPartition(rollup, state, limits, now()));
    }
    consumer.assign(
      [...this.#owned.values()].map(({ rollup, partition, delta }) => ({
        topic: rollup.topic.kafkaTopic,
        partition,
        offset: delta.nextOffset,
      })),
    );
  }

  /** Goes over to other rollups when there are. */
  async #change(consumer: GroupConsumer): Promise<void> {
    const rollups = await this.#options.rollups();
    if (rollups === this.#rollups) return;
    await this.#flush();
    if (rollups.size === 0) throw new MdsError('MDS_NOT_FOUND', { what: 'topic', id: 'to be aggregated' });
    const before = [...this.#rollups.keys()].sort().join(' ');
    const places = [...this.#owned.values()].map(({ rollup, partition }) => ({
      topic: rollup.topic.kafkaTopic,
      partition,
    }));
    this.#rollups = rollups;
    if ([...rollups.keys()].sort().join(' ') === before) await this.#own(consumer, places);
    else consumer.subscribe([...rollups.keys()]); // the group answers with a rebalance
  }

  async #take(messages: readonly KafkaMessage[]): Promise<void> {
    const nowMs = this.#options.now();
    for (const message of messages) {
      const owned = this.#owned.get(`${message.topic}/${message.partition}`);
      if (!owned) continue; // fetched before it was given away
      const schemaId = message.value === null ? null : readSchemaId(message.value);
      if (schemaId !== null && !owned.rollup.hasReader(schemaId)) {
        const text = await this.#options.schema(schemaId);
        if (text !== null) owned.rollup.addReader(schemaId, text);
      }
      owned.take(message, nowMs);
      if (owned.delta.cells > this.#options.maxCells) await this.#flush();
    }
  }

  #isDue(): boolean {
    return this.#options.now() - this.#lastFlushMs >= this.#options.flushIntervalMs;
  }

  async #flush(): Promise<void> {
    const { flush, nameSeries, onFlushed, now } = this.#options;
    this.#lastFlushMs = now();
    const dirty = [...this.#owned.values()].flatMap((owned) => {
      const what = owned.flush(now());
      return what === null ? [] : [{ owned, what }];
    });
    if (dirty.length === 0) return;
    for (const rollup of new Set(dirty.map(({ owned }) => owned.rollup))) await nameSeries(rollup);
    const flushes = dirty.map(({ what }) => what);
    const flushed = await flush(flushes);
    for (const [i, { owned }] of dirty.entries()) {
      const state = flushed[i]?.state;
      if (state) owned.flushed(state);
    }
    await onFlushed(flushed, flushes);
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#stopping.signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    clearTimeout(timer);
  }
}
