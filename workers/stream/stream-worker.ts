// The stream worker put together. The way of a record: consumer-loop → slab-pipeline (kernel thread) → lane-publisher,
// and, when nothing can be made of it, dead-letter. Who owns what: ownership-client → partition-owner. Who wants what:
// interest-reader → interest-table → the pipelines.

import { hostname } from 'node:os';
import { createConsumer, createProducer, type KafkaConsumer, type KafkaProducer } from '../../platform/kafka.ts';
import type { ProcessContext } from '../../platform/lifecycle.ts';
import { type ManagementAgent, startManagement } from '../../platform/management/management-agent.ts';
import { connectRedis, type Redis, subscribeAtStart } from '../../platform/redis.ts';
import { createRegistry, type SchemaRegistry } from '../../platform/registry.ts';
import { SchemaCache } from '../../platform/schema-cache.ts';
import { redisKeys, WATERMARK_INTERVAL_MS, type WorkerHeartbeat } from '../../schemas/coordination.ts';
import { reasonOf } from '../../schemas/errors.ts';
import { routeKeys } from '../../schemas/route.ts';
import { AuditPart } from './audit/audit-part.ts';
import { CommitLog } from './commit-log.ts';
import type { StreamConfig } from './config.ts';
import { ConsumerLoop } from './consumer-loop.ts';
import { ConsumerWatch } from './consumer-watch.ts';
import { DeadLetters } from './dead-letter.ts';
import { type DeadLetterPart, startDeadLetters } from './dead-letters/dead-letter-part.ts';
import { LetterWriter } from './dead-letters/letter-writer.ts';
import { type ExplainPart, startExplain } from './explain/explain-part.ts';
import { InterestReader } from './interest-reader.ts';
import { InterestTable } from './interest-table.ts';
import { type KernelThread, startKernelThread } from './kernel-pool.ts';
import { LanePublisher } from './lane-publisher.ts';
import { Lease } from './lease.ts';
import { OffsetCommitter } from './offset-committer.ts';
import { OwnershipClient } from './ownership-client.ts';
import { PartitionOwner } from './partition-owner.ts';
import { RangeWatch } from './range-watch.ts';
import { type ReplayPart, startReplay } from './replay/replay-part.ts';
import { RoutePart } from './routes/route-part.ts';
import { SlabPipeline } from './slab-pipeline.ts';
import { StreamMetrics } from './stream-metrics.ts';
import { TopicCatalog } from './topic-catalog.ts';

/** A topic that changed is told at once; this is for what was not heard. */
const CATALOG_INTERVAL_MS = 2000;
/** A leader takes partitions back within a second; when none does for this long, there is none. */
const LEADER_WAIT_MS = 5000;
/** What is left of the 10 s of a stop for giving back, after closing connections is allowed for. */
const DRAIN_DEADLINE_MS = 8500;
const DRAIN_POLL_MS = 20;

/** What the connections of a worker are; tests put others here. */
interface Connections {
  /** Heartbeats, interest, catalog. */
  readonly control: Redis;
  readonly notices: Redis;
  /** Envelopes, and nothing else: a slow lane must not delay a heartbeat. */
  readonly lanes: Redis;
  readonly consumer: KafkaConsumer;
  readonly producer: KafkaProducer;
  readonly registry: SchemaRegistry;
}

/** Parts that answer requests from lists in Redis. */
interface ServingParts {
  readonly replay: ReplayPart;
  readonly explain: ExplainPart;
  readonly audit: AuditPart;
  readonly deadLetters: DeadLetterPart;
}

export interface StreamWorkerHooks {
  readonly httpUrl: string;
  /** The worker cannot go on: the process must end, others take over. */
  readonly onFailure: (error: unknown) => void;
}

export class StreamWorker {
  readonly #context: ProcessContext<StreamConfig>;
  #management: ManagementAgent | null = null;
  readonly #hooks: StreamWorkerHooks;
  readonly #connections: Connections;
  readonly #stopped: AbortController;
  readonly #lease = new Lease(() => performance.now());
  readonly #commitLog = new CommitLog();
  readonly #metrics: StreamMetrics;
  readonly #pipelines: readonly SlabPipeline[];
  readonly #interest: InterestTable;
  readonly #interestReader: InterestReader;
  readonly #catalog: TopicCatalog;
  readonly #loop: ConsumerLoop;
  readonly #committer: OffsetCommitter;
  readonly #owner: PartitionOwner;
  readonly #ownership: OwnershipClient;
  readonly #rangeWatch: RangeWatch;
  readonly #consumerWatch: ConsumerWatch;
  readonly #replay: ReplayPart;
  readonly #explain: ExplainPart;
  readonly #audit: AuditPart;
  readonly #deadLetters: DeadLetterPart;
  readonly #letterWriter: LetterWriter;
  readonly #routes: RoutePart;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #startedAtMs = Date.now();
  #isDraining = false;

  /** Connects to everything and begins to own partitions. @throws when something cannot be reached in time */
  static async start(context: ProcessContext<StreamConfig>, hooks: StreamWorkerHooks): Promise<StreamWorker> {
    const { config, log, health } = context;
    const stopped = new AbortController();
    // Ends the waiting while starting, and nothing later: a consumer connects for its first commit only when it commits,
    // which a worker that drains must still be able to do.
    const starting = new AbortController();
    const signal = starting.signal;
    const abort = (): void => starting.abort(context.signal.reason);
    context.signal.addEventListener('abort', abort, { once: true });
    if (context.signal.aborted) abort();
    const { connectTimeoutMs, processId } = config;
    const common = { log, health, signal, connectTimeoutMs };
    const kafka = { ...common, brokers: config.kafkaBrokers };
    const redis = (name: string) => connectRedis(config.redisUrl, { ...common, name });
    const registry = createRegistry(config.registryUrl);
    const schemas = new SchemaCache({ registry, log, health, signal: stopped.signal });
    const { envelopeBytes, recordOutputBytes, slabBytes, outputBytes } = config;
    const [control, notices, lanes, consumer, producer, replay, explain, audit, deadLetters, threads] =
      await Promise.all([
        redis('control'),
        redis('notices'),
        redis('lanes'),
        createConsumer({
          ...kafka,
          name: `stream-${processId}`,
          groupId: config.consumerGroup,
          prefetchBytes: config.prefetchBytes,
          idleWaitMs: 20,
          offsetReset: 'error',
        }),
        createProducer({ ...kafka, name: `dead-letters-${processId}` }),
        startReplay({ ...context, signal }, schemas),
        startExplain({ ...context, signal }, schemas),
        AuditPart.connect({ ...context, signal }, schemas),
        startDeadLetters({ ...context, signal }),
        Promise.all(
          Array.from({ length: config.kernelThreads }, () =>
            startKernelThread({ envelopeBytes, recordOutputBytes, slabBytes, outputBytes }),
          ),
        ),
      ]);
    context.signal.removeEventListener('abort', abort);
    const connections = { control, notices, lanes, consumer, producer, registry };
    const parts = { replay, explain, audit, deadLetters };
    const worker = new StreamWorker(context, hooks, connections, stopped, schemas, parts, threads);
    await worker.#begin();
    return worker;
  }

  private constructor(
    context: ProcessContext<StreamConfig>,
    hooks: StreamWorkerHooks,
    connections: Connections,
    stopped: AbortController,
    schemas: SchemaCache,
    { replay, explain, audit, deadLetters: deadLetterPart }: ServingParts,
    threads: readonly KernelThread[],
  ) {
    const { config, log, health, metrics } = context;
    this.#context = context;
    this.#hooks = hooks;
    this.#connections = connections;
    this.#stopped = stopped;
    this.#replay = replay;
    this.#explain = explain;
    this.#audit = audit;
    this.#deadLetters = deadLetterPart;
    const { control, lanes, consumer, producer, registry } = connections;
    const keys = redisKeys(config.redisPrefix);
    const now = (): number => performance.now();
    this.#metrics = new StreamMetrics(metrics, config.kernelThreads, now());
    const publisher = new LanePublisher({
      redis: lanes,
      keys,
      mayPublish: () => this.#lease.held(),
      isOpen: (slot) => this.#owner.bySlot(slot) !== undefined,
      onRetry: (reason) => this.#publishRetried(reason),
      signal: stopped.signal,
    });
    this.#routes = new RoutePart(context, schemas, registry, control, {
      onForwarded: (records, events) => this.#metrics.forwarded(records, events),
      onFailed: () => this.#metrics.routeFailed(),
      onBug: hooks.onFailure,
    });
    this.#letterWriter = new LetterWriter({ producer, registry, log });
    const deadLetters = new DeadLetters({
      writer: this.#letterWriter,
      log,
      health,
      signal: stopped.signal,
      now: Date.now,
    });
    this.#pipelines = threads.map((thread, place) =>
      this.#startPipeline(thread, place, publisher, deadLetters, schemas),
    );
    this.#interest = new InterestTable((delta) => {
      for (const pipeline of this.#pipelines) pipeline.apply(delta);
    });
    this.#interestReader = new InterestReader({ redis: control, keys, table: this.#interest, log, now });
    this.#catalog = new TopicCatalog(control, keys, log);
    this.#loop = new ConsumerLoop({
      consumer,
      pollRecords: config.pollRecords,
      log,
      received: ({ slot }, nextOffset) => this.#commitLog.received(slot, nextOffset),
      now,
    });
    this.#committer = new OffsetCommitter({
      consumer,
      commitLog: this.#commitLog,
      lease: this.#lease,
      log,
      intervalMs: config.commitIntervalMs,
      placeOf: (slot) => this.#placeOf(slot),
    });
    this.#owner = new PartitionOwner({
      pipelines: this.#pipelines,
      consumer,
      loop: this.#loop,
      commitLog: this.#commitLog,
      committer: this.#committer,
      readInterest: () => this.#interestReader.readAll(),
      topic: (topicId) => this.#catalog.topic(topicId),
      log,
      onChange: () => this.#ownership.beatNow(),
      onFailure: hooks.onFailure,
    });
    this.#ownership = new OwnershipClient({
      redis: control,
      keys,
      workerId: config.processId,
      lease: this.#lease,
      log,
      heartbeat: () => this.#heartbeat(),
      apply: (assignment, isProven) => this.#owner.apply(assignment, isProven),
      onBeat: (isHeld) => health.setReady('lease', isHeld, 'no heartbeat has reached Redis lately'),
      now,
    });
    this.#rangeWatch = new RangeWatch({
      loop: this.#loop,
      consumer,
      log,
      now,
      moveTo: (partition, offset) => this.#owner.moveTo(partition, offset),
    });
    this.#consumerWatch = new ConsumerWatch({
      loop: this.#loop,
      consumer,
      stallMs: config.consumerStallMs,
      log,
      now,
      onRecovery: (step) => this.#metrics.recovered(step),
      onFailure: hooks.onFailure,
    });
  }

  async #begin(): Promise<void> {
    const keys = redisKeys(this.#context.config.redisPrefix);
    const routes = routeKeys(this.#context.config.redisPrefix);
    const { notices } = this.#connections;
    notices.on('message', (channel: string, text: string) => {
      if (channel === keys.notifyInterest) this.#hear(() => this.#interestReader.hear(text));
      else if (channel === keys.notifyCatalog) this.#readCatalog();
      else if (channel === routes.notify) this.#routes.look();
      else if (text === this.#context.config.processId) this.#ownership.beat();
    });
    this.#management = await startManagement({
      ...this.#context,
      ...this.#context.config,
      redis: this.#connections.control,
    });
    const heard = [keys.notifyInterest, keys.notifyCatalog, keys.notifyAssignment, routes.notify];
    await subscribeAtStart(notices, 'subscribe', heard);
    this.#readCatalog();
    this.#loop.start(this.#hooks.onFailure);
    this.#committer.start();
    this.#rangeWatch.start();
    this.#consumerWatch.start();
    this.#interestReader.start();
    this.#ownership.start();
    this.#replay.start({
      interestOf: (edgeId, topicId) => this.#interestReader.interestOf(edgeId, topicId),
      isLiveHeldUp: () => this.#loop.isBlocked,
      onScanned: (bytes) => this.#metrics.replayScanned(bytes),
      answered: (outcome, count, merged) => this.#metrics.replayed(outcome, count, merged),
    });
    this.#audit.start({ catalog: this.#catalog, results: this.#connections.control });
    this.#explain.start({
      answers: this.#connections.control,
      catalog: this.#catalog,
      answered: (outcome) => this.#metrics.explained(outcome),
    });
    this.#deadLetters.start({
      answers: this.#connections.control,
      writer: this.#letterWriter,
      catalog: this.#catalog,
      answered: (outcome, count) => this.#metrics.deadLettered(outcome, count),
    });
    this.#routes.start();
    this.#timers.push(
      setInterval(() => {
        for (const pipeline of this.#pipelines) pipeline.watermark();
      }, WATERMARK_INTERVAL_MS),
      setInterval(() => this.#readCatalog(), CATALOG_INTERVAL_MS),
    );
  }

  /**
   * Has its partitions taken over, or gives them back by itself when no leader answers; then closes everything.
   * Without Redis or Kafka it leaves what it cannot finish to the next owner, who begins at the last commit.
   */
  async stop(): Promise<void> {
    const { log } = this.#context;
    const startedMs = performance.now();
    this.#isDraining = true;
    this.#owner.drain();
    this.#ownership.beatNow();
    // Not waited for here: a replay that waits for the registry must not hold up the partitions.
    const replayStopped = this.#replay.stop().catch((err: unknown) => log.warn({ err }, 'replay did not stop cleanly'));
    const auditStopped = this.#audit
      .stop()
      .catch((err: unknown) => log.warn({ err }, 'the audit did not stop cleanly'));
    const explainStopped = this.#explain
      .stop()
      .catch((err: unknown) => log.warn({ err }, 'explain did not stop cleanly'));
    const deadLettersStopped = this.#deadLetters
      .stop()
      .catch((err: unknown) => log.warn({ err }, 'dead letters did not stop cleanly'));
    const routesStopped = this.#routes.stop().catch((err: unknown) => log.warn({ err }, 'routes did not stop cleanly'));
    await this.#untilOwnsNothing(startedMs + LEADER_WAIT_MS);
    if (this.#owner.count > 0) {
      log.warn({ partitions: this.#owner.count }, 'no leader takes the partitions back, they are given back anyway');
      this.#owner.releaseAll();
      await this.#untilOwnsNothing(startedMs + DRAIN_DEADLINE_MS);
    }
    if (this.#owner.count > 0)
      log.error({ partitions: this.#owner.count }, 'stopping before everything was given back');
    await this.#close(Promise.all([routesStopped, deadLettersStopped]));
    await Promise.all([replayStopped, explainStopped, auditStopped]);
  }

  async #untilOwnsNothing(deadlineMs: number): Promise<void> {
    while (this.#owner.count > 0 && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
  }

  /** @param writersStopped they still need registry and producer for what they have begun */
  async #close(writersStopped: Promise<unknown>): Promise<void> {
    const { control, notices, lanes, consumer, producer, registry } = this.#connections;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#management?.stop();
    this.#rangeWatch.stop();
    this.#consumerWatch.stop();
    this.#committer.stop();
    this.#interestReader.stop();
    await this.#ownership.leave();
    this.#stopped.abort();
    await writersStopped;
    await Promise.all(this.#pipelines.map((pipeline) => pipeline.stop()));
    await this.#loop.stop();
    for (const redis of [control, notices, lanes]) redis.disconnect();
    await Promise.all([consumer.disconnect(), producer.disconnect(), registry.close()]);
  }

  #startPipeline(
    thread: KernelThread,
    place: number,
    publisher: LanePublisher,
    deadLetters: DeadLetters,
    schemas: SchemaCache,
  ): SlabPipeline {
    const { config, log } = this.#context;
    const { slabsPerThread, slabBytes, outputsPerThread, outputBytes } = config;
    return new SlabPipeline(
      thread,
      {
        publish: (output, envelopes) => publisher.publish(output, envelopes),
        deadLetter: (rejects) =>
          deadLetters.write(
            rejects.flatMap((record) => {
              const place = this.#placeOf(record.slot);
              return place ? [{ record, place }] : []; // lost: its next owner meets the record again
            }),
          ),
        begin: (slot, nextOffset) => this.#commitLog.begin(slot, nextOffset),
        schema: (schemaId) => schemas.resolve(schemaId),
        ran: (answer, recordCount, byteCount) => {
          this.#metrics.ran(place, answer, recordCount, byteCount);
          for (const failure of answer.failures) {
            log.error(failure, "a plan does not fit a writer's schema, its channel misses that schema's events");
          }
        },
        failed: this.#hooks.onFailure,
      },
      { slabCount: slabsPerThread, slabBytes, outputCount: outputsPerThread, outputBytes },
    );
  }

  #placeOf(slot: number) {
    const owned = this.#owner.bySlot(slot);
    if (!owned?.topic) return null;
    const { kafkaTopic, deadLetterTopic } = owned.topic;
    return { topic: kafkaTopic, kafkaTopic, deadLetterTopic, partition: owned.grant.partition };
  }

  #heartbeat(): WorkerHeartbeat {
    const { config, health } = this.#context;
    const { reasons: notReady } = health.readiness();
    const owned = [...this.#owner.partitions()].map((partition) => {
      const { nextOffset, grant, topic } = partition;
      return {
        topicId: grant.topicId,
        partition: grant.partition,
        epoch: grant.epoch,
        nextOffset,
        lagRecords: topic && nextOffset >= 0 ? this.#lagOf(topic.kafkaTopic, partition) : 0,
      };
    });
    const lagRecords = owned.reduce((lag, partition) => lag + partition.lagRecords, 0);
    this.#metrics.owns(owned.length, this.#interest.channelCount, lagRecords);
    return {
      workerId: config.processId,
      host: hostname(),
      pid: process.pid,
      httpUrl: this.#hooks.httpUrl,
      startedAtMs: this.#startedAtMs,
      state: this.#isDraining ? 'draining' : 'running',
      assignmentRevision: this.#owner.appliedRevision,
      owned,
      released: this.#owner.released(),
      prepared: this.#owner.prepared(),
      ...this.#metrics.rates(performance.now()),
      rejectedRecords: this.#metrics.rejectedRecords,
      ...(notReady.length > 0 ? { notReady: [...notReady] } : {}),
    };
  }

  /** From what the last fetch said; asks nobody. */
  #lagOf(topic: string, { grant, nextOffset }: { grant: { partition: number }; nextOffset: number }): number {
    try {
      const { highOffset } = this.#connections.consumer.handle.getWatermarkOffsets(topic, grant.partition);
      return Math.max(0, highOffset - nextOffset);
    } catch {
      return 0; // nothing was fetched yet, so nothing is known
    }
  }

  #readCatalog(): void {
    this.#catalog.read().catch((error: unknown) => {
      this.#context.log.debug({ reason: reasonOf(error) }, 'the catalog could not be read'); // read again soon
    });
  }

  #hear(listen: () => void): void {
    try {
      listen();
    } catch (err) {
      this.#context.log.error({ err }, 'a notice cannot be read'); // anti-entropy finds what it said
    }
  }

  #publishRetried(reason: string): void {
    this.#metrics.publishRetried();
    this.#context.log.debug({ reason }, 'envelopes are sent again');
  }
}
