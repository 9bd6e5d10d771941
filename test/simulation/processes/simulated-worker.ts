// A stream worker: its real parts, put together as stream-worker.ts does, on simulated connections and an in-process
// kernel.

import { RedisClock } from '../../../platform/redis-clock.ts';
import {
  type RedisKeys,
  redisKeys,
  WATERMARK_INTERVAL_MS,
  type WorkerHeartbeat,
} from '../../../schemas/coordination.ts';
import { durableKeys } from '../../../schemas/durable.ts';
import { CommitLog } from '../../../workers/stream/commit-log.ts';
import { ConsumerLoop } from '../../../workers/stream/consumer-loop.ts';
import { DeadLetterServer } from '../../../workers/stream/dead-letters/dead-letter-server.ts';
import { InterestReader } from '../../../workers/stream/interest-reader.ts';
import { InterestTable } from '../../../workers/stream/interest-table.ts';
import type { KernelAnswer, KernelTask } from '../../../workers/stream/kernel/kernel-task.ts';
import { LanePublisher } from '../../../workers/stream/lane-publisher.ts';
import { Lease } from '../../../workers/stream/lease.ts';
import { OffsetCommitter } from '../../../workers/stream/offset-committer.ts';
import { OwnershipClient } from '../../../workers/stream/ownership-client.ts';
import { PartitionOwner } from '../../../workers/stream/partition-owner.ts';
import { RangeWatch } from '../../../workers/stream/range-watch.ts';
import { ReplayBudget } from '../../../workers/stream/replay/replay-budget.ts';
import { ReplayKernel } from '../../../workers/stream/replay/replay-kernel.ts';
import { ReplayRunner } from '../../../workers/stream/replay/replay-runner.ts';
import { ReplayServer } from '../../../workers/stream/replay/replay-server.ts';
import { SlabPipeline } from '../../../workers/stream/slab-pipeline.ts';
import { TopicCatalog } from '../../../workers/stream/topic-catalog.ts';
import type { SimulatedProcess } from '../engine/simulated-process.ts';
import { RedisConnection } from '../network/redis-connection.ts';
import { BATCH_SCHEMA, BATCH_SCHEMA_ID, EVENT_SCHEMA, EVENT_SCHEMA_ID } from '../truth.ts';
import type { World } from '../world.ts';
import { kernelInProcess } from './kernel-in-process.ts';
import { traceLogger } from './quiet-parts.ts';

export const REDIS_PREFIX = 's';
const CATALOG_INTERVAL_MS = 2000;
const COMMIT_INTERVAL_MS = 500;
const SLAB_BYTES = 2048;
const OUTPUT_BYTES = 8192;
const POLL_RECORDS = 8;
const REPLAY_BYTES_PER_SECOND = 1_000_000;
const SCHEMAS = new Map([
  [EVENT_SCHEMA_ID, EVENT_SCHEMA],
  [BATCH_SCHEMA_ID, BATCH_SCHEMA],
]);

export class SimulatedWorker {
  readonly process: SimulatedProcess;
  readonly connections: readonly RedisConnection[];
  /** Grows while it is slow. */
  kernelDelayMs = 0.3;
  readonly #world: World;
  readonly #workerId: string;
  readonly #keys: RedisKeys = redisKeys(REDIS_PREFIX);
  readonly #log;
  readonly #lease = new Lease(() => performance.now());
  readonly #commitLog = new CommitLog();
  readonly #consumer;
  readonly #pipeline: SlabPipeline;
  readonly #interest: InterestTable;
  readonly #interestReader: InterestReader;
  readonly #catalog: TopicCatalog;
  readonly #loop: ConsumerLoop;
  readonly #committer: OffsetCommitter;
  readonly #owner: PartitionOwner;
  readonly #ownership: OwnershipClient;
  readonly #rangeWatch: RangeWatch;
  readonly #replay: ReplayServer;
  readonly #deadLetters: DeadLetterServer;
  readonly #notices: RedisConnection;
  #isDraining = false;

  constructor(world: World, process: SimulatedProcess, workerId: string) {
    const { simulator, kafka } = world;
    this.#world = world;
    this.process = process;
    this.#workerId = workerId;
    const log = traceLogger(simulator, process.name);
    this.#log = log;
    const redis = (timesOut = true): RedisConnection => new RedisConnection(simulator, world.redis, process, timesOut);
    const [control, notices, lanes, requests, answers] = [redis(), redis(), redis(), redis(false), redis()];
    const letters = redis(false);
    this.connections = [control, notices, lanes, requests, answers, letters];
    this.#notices = notices;
    this.#consumer = kafka.consumer(process);
    const now = (): number => performance.now();
    const keys = this.#keys;
    const publisher = new LanePublisher({
      redis: lanes.asRedis,
      keys,
      mayPublish: () => this.#lease.held(),
      isOpen: (slot) => this.#owner.bySlot(slot) !== undefined,
      onRetry: () => simulator.note('envelopes are sent again', process.name),
      signal: new AbortController().signal,
    });
    const failed = (error: unknown): void => simulator.fail(error);
    const ends = {
      deadLetter: () => Promise.reject(new Error('the simulation writes no bad records')),
      begin: (slot: number, nextOffset: number) => this.#commitLog.begin(slot, nextOffset),
      schema: async (schemaId: number) => SCHEMAS.get(schemaId) ?? null,
      ran: () => {},
      failed,
      publish: publisher.publish.bind(publisher),
    };
    const options = { slabCount: 2, slabBytes: SLAB_BYTES, outputCount: 2, outputBytes: OUTPUT_BYTES };
    this.#pipeline = new SlabPipeline(
      this.#kernel((task, answer) => this.#ran(task, answer)),
      ends,
      options,
    );
    this.#interest = new InterestTable((delta) => this.#pipeline.apply(delta));
    this.#interestReader = new InterestReader({ redis: control.asRedis, keys, table: this.#interest, log, now });
    this.#catalog = new TopicCatalog(control.asRedis, keys, log);
    this.#loop = new ConsumerLoop({
      consumer: this.#consumer,
      pollRecords: POLL_RECORDS,
      log,
      received: ({ slot }, nextOffset) => this.#commitLog.received(slot, nextOffset),
      now,
    });
    this.#committer = new OffsetCommitter({
      consumer: this.#consumer,
      commitLog: this.#commitLog,
      lease: this.#lease,
      log,
      intervalMs: COMMIT_INTERVAL_MS,
      placeOf: (slot) => this.#placeOf(slot),
    });
    this.#owner = new PartitionOwner({
      pipelines: [this.#pipeline],
      consumer: this.#consumer,
      loop: this.#loop,
      commitLog: this.#commitLog,
      committer: this.#committer,
      readInterest: () => this.#interestReader.readAll(),
      topic: (topicId) => this.#catalog.topic(topicId),
      log,
      onChange: () => this.#ownership.beatNow(),
      onFailure: failed,
    });
    this.#ownership = new OwnershipClient({
      redis: control.asRedis,
      keys,
      workerId,
      lease: this.#lease,
      log,
      heartbeat: () => this.#heartbeat(),
      apply: (assignment, isProven) => this.#owner.apply(assignment, isProven),
      onBeat: () => {},
      now,
    });
    this.#rangeWatch = new RangeWatch({
      loop: this.#loop,
      consumer: this.#consumer,
      log,
      now,
      moveTo: (partition, offset) => this.#owner.moveTo(partition, offset),
    });
    this.#replay = this.#replayServer(requests, answers);
    this.#deadLetters = this.#deadLetterServer(letters, answers);
    this.#begin().catch(failed);
  }

  get ownedCount(): number {
    return this.#owner.count;
  }

  /** Asks to be relieved, as a process that is stopped does. */
  drain(): void {
    this.#isDraining = true;
    this.#owner.drain();
    this.#ownership.beatNow();
  }

  async #begin(): Promise<void> {
    await Promise.all(this.connections.map((connection) => isReady(connection)));
    const keys = this.#keys;
    this.#notices.on('message', (channel: string, text: string) => {
      if (channel === keys.notifyInterest) this.#interestReader.hear(text);
      else if (channel === keys.notifyCatalog) this.#readCatalog();
      else if (text === this.#workerId) this.#ownership.beat();
    });
    await this.#subscribed();
    this.#readCatalog();
    this.#loop.start((error) => this.#world.simulator.fail(error));
    this.#committer.start();
    this.#rangeWatch.start();
    this.#interestReader.start();
    this.#ownership.start();
    this.#replay.start();
    this.#deadLetters.start();
    setInterval(() => this.#pipeline.watermark(), WATERMARK_INTERVAL_MS);
    setInterval(() => this.#readCatalog(), CATALOG_INTERVAL_MS);
  }

  /** A worker that cannot subscribe ends, and is started again by whoever watches it. */
  async #subscribed(): Promise<void> {
    const { notifyInterest, notifyCatalog, notifyAssignment } = this.#keys;
    try {
      await this.#notices.asRedis.subscribe(notifyInterest, notifyCatalog, notifyAssignment);
    } catch {
      this.process.crash();
    }
  }

  #kernel(onRun: (task: KernelTask, answer: KernelAnswer) => void) {
    const { simulator } = this.#world;
    const delayMs = (): number => this.kernelDelayMs * simulator.random.between(0.5, 2);
    return kernelInProcess({ simulator, process: this.process, delayMs, onRun });
  }

  #ran(task: KernelTask, answer: KernelAnswer): void {
    this.#world.publishWatch.ran(this.process.name, task, answer);
  }

  #replayServer(requests: RedisConnection, answers: RedisConnection): ReplayServer {
    const { kafka } = this.#world;
    const send = async (lane: string, envelopes: readonly Uint8Array[]): Promise<void> => {
      const pipeline = answers.asRedis.pipeline();
      for (const envelope of envelopes) pipeline.spublish(this.#keys.lane(lane), Buffer.from(envelope));
      const failed = (await pipeline.exec())?.find(([error]) => error !== null)?.[0];
      if (failed) throw failed;
    };
    const kernel = new ReplayKernel({
      thread: this.#kernel(() => {}),
      slabBytes: SLAB_BYTES,
      outputBytes: OUTPUT_BYTES,
      schema: async (schemaId) => SCHEMAS.get(schemaId) ?? null,
      send,
    });
    const catalog = new TopicCatalog(answers.asRedis, this.#keys, this.#log);
    const runner = new ReplayRunner({
      consumer: kafka.consumer(this.process),
      kernel,
      topic: (topicId, partitions) => catalog.topic(topicId, partitions),
      interestOf: (edgeId, topicId) => this.#interestReader.interestOf(edgeId, topicId),
      isLiveHeldUp: () => this.#loop.isBlocked,
      onScanned: () => {},
      send,
      budget: new ReplayBudget(REPLAY_BYTES_PER_SECOND),
      log: this.#log,
      now: () => Date.now(),
    });
    const clock = new RedisClock(answers.asRedis);
    clock.start();
    return new ReplayServer({
      redis: requests.asRedis,
      keys: this.#keys,
      runner,
      log: this.#log,
      now: () => clock.nowMs(),
      answered: () => {},
    });
  }

  /** The record is not looked up, and the topic of dead letters is the ledger. */
  #deadLetterServer(requests: RedisConnection, answers: RedisConnection): DeadLetterServer {
    const { simulator, durableLedger } = this.#world;
    return new DeadLetterServer({
      requests: requests.asRedis,
      answers: answers.asRedis,
      keys: durableKeys(REDIS_PREFIX),
      topic: (topicId) => this.#catalog.topic(topicId),
      records: { read: () => Promise.resolve(new Map()) },
      writer: {
        write: (_topic, _letter, key) =>
          new Promise((resolve) => {
            simulator.plan(simulator.random.between(1, 20), this.process, 'dead letter', () => {
              durableLedger.dead(String(key).replace(/^[^/]*[/]/, ''));
              resolve();
            });
          }),
      },
      log: this.#log,
      now: () => Date.now(),
      answered: () => {},
    });
  }

  #placeOf(slot: number) {
    const owned = this.#owner.bySlot(slot);
    return owned?.topic ? { topic: owned.topic.kafkaTopic, partition: owned.grant.partition } : null;
  }

  #heartbeat(): WorkerHeartbeat {
    const owned = [...this.#owner.partitions()].map(({ grant: { topicId, partition, epoch }, nextOffset }) => ({
      topicId,
      partition,
      epoch,
      nextOffset,
      lagRecords: 0,
    }));
    return {
      workerId: this.#workerId,
      host: 'h',
      pid: 1,
      httpUrl: 'http://h:1',
      startedAtMs: 0,
      state: this.#isDraining ? 'draining' : 'running',
      assignmentRevision: this.#owner.appliedRevision,
      owned,
      released: this.#owner.released(),
      prepared: this.#owner.prepared(),
      eventsInPerSecond: 0,
      recordsInPerSecond: 0,
      bytesInPerSecond: 0,
      rejectedRecords: 0,
      kernelBusyRatio: 0,
    };
  }

  #readCatalog(): void {
    this.#catalog.read().catch(() => undefined); // read again soon
  }
}

export function isReady(connection: RedisConnection): Promise<void> {
  if (connection.status === 'ready') return Promise.resolve();
  return new Promise((resolve) => connection.once('ready', resolve));
}
