// The routes of a stream worker: a runner for each route there is, begun and ended as definitions come and go. Kafka's group
// protocol shares a route's partitions among the workers, so that no leader is needed.

import { createGroupConsumer, createTransactionalProducer } from '../../../platform/kafka.ts';
import type { ProcessContext } from '../../../platform/lifecycle.ts';
import type { Redis } from '../../../platform/redis.ts';
import type { SchemaRegistry } from '../../../platform/registry.ts';
import type { SchemaCache } from '../../../platform/schema-cache.ts';
import { readMessage } from '../../../schemas/coordination.ts';
import { reasonOf } from '../../../schemas/errors.ts';
import { RouteDefinition, type RouteStatus, routeGroupOf, routeKeys } from '../../../schemas/route.ts';
import type { StreamConfig } from '../config.ts';
import { type KernelThread, startKernelThread } from '../kernel-pool.ts';
import { RouteMatcher } from './route-matcher.ts';
import { RouteRunner } from './route-runner.ts';
import { RouteSchemas } from './route-schemas.ts';

/** A definition that changed is told at once; this is for what was not heard, and for the status. */
const LOOK_INTERVAL_MS = 2000;
/** 4 MiB: a route waits for its transactions more than for its fetches. */
const PREFETCH_BYTES = 4_194_304;
const IDLE_WAIT_MS = 100;

export interface RoutePartEnds {
  readonly onForwarded: (records: number, events: number) => void;
  readonly onFailed: () => void;
  /** A runner broke: a bug. */
  readonly onBug: (error: unknown) => void;
}

interface Running {
  /** The definition as JSON: another text is another route. */
  readonly text: string;
  readonly runner: RouteRunner;
  readonly thread: KernelThread;
}

export class RoutePart {
  readonly #context: ProcessContext<StreamConfig>;
  readonly #schemas: SchemaCache;
  readonly #registry: SchemaRegistry;
  readonly #redis: Redis;
  readonly #ends: RoutePartEnds;
  readonly #running = new Map<string, Running>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | null = null;
  #again = false;
  #isStopped = false;

  constructor(
    context: ProcessContext<StreamConfig>,
    schemas: SchemaCache,
    registry: SchemaRegistry,
    redis: Redis,
    ends: RoutePartEnds,
  ) {
    this.#context = context;
    this.#schemas = schemas;
    this.#registry = registry;
    this.#redis = redis;
    this.#ends = ends;
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), LOOK_INTERVAL_MS);
    this.look();
  }

  /** Reads the definitions now, and once more when it is reading them already. */
  look(): void {
    if (this.#isStopped) return;
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = this.#look()
      .catch((error: unknown) => {
        this.#context.log.debug({ reason: reasonOf(error) }, 'routes could not be read'); // looked at again soon
      })
      .finally(() => {
        this.#looking = null;
        if (!this.#again) return;
        this.#again = false;
        this.look();
      });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await this.#looking;
    await Promise.all([...this.#running.keys()].map((routeId) => this.#end(routeId)));
  }

  async #look(): Promise<void> {
    const keys = routeKeys(this.#context.config.redisPrefix);
    const texts = await this.#redis.hgetall(keys.definitions);
    for (const [routeId, { text }] of [...this.#running]) {
      if (texts[routeId] !== text) await this.#end(routeId);
    }
    for (const [routeId, text] of Object.entries(texts)) {
      if (!this.#running.has(routeId) && !this.#isStopped) await this.#begin(routeId, text);
    }
    await this.#tellStatus();
  }

  async #begin(routeId: string, text: string): Promise<void> {
    const { config, log } = this.#context;
    let definition: RouteDefinition;
    try {
      definition = readMessage(RouteDefinition, text);
    } catch (err) {
      log.error({ err, routeId }, 'a route cannot be read');
      return;
    }
    const { slabBytes, outputBytes, envelopeBytes, recordOutputBytes } = config;
    const thread = await startKernelThread({ envelopeBytes, recordOutputBytes, slabBytes, outputBytes });
    const schema = (schemaId: number): Promise<string | null> => this.#schemas.resolve(schemaId);
    const onRejected = (count: number): void => {
      log.warn({ route: definition.name, count }, 'a route left out records that cannot be decoded; see dead letters');
    };
    const matcher = new RouteMatcher({ thread, slabBytes, outputBytes, schema, onRejected });
    await matcher.begin(definition);
    const schemas = new RouteSchemas(this.#registry, definition.targetKafkaTopic, schema);
    const runner = new RouteRunner({
      definition,
      matcher,
      connect: () => this.#connect(definition),
      targetSchemaId: (schemaId) => schemas.targetIdOf(schemaId),
      log,
      onForwarded: this.#ends.onForwarded,
      onFailed: this.#ends.onFailed,
    });
    this.#running.set(routeId, { text, runner, thread });
    runner.start(this.#ends.onBug);
    log.info({ route: definition.name, from: definition.kafkaTopic, to: definition.targetKafkaTopic }, 'route begun');
  }

  async #end(routeId: string): Promise<void> {
    const running = this.#running.get(routeId);
    if (!running) return;
    this.#running.delete(routeId);
    await running.runner.stop();
    await running.thread.close();
    this.#context.log.info({ routeId }, 'route ended in this worker');
  }

  async #connect({ routeId, kafkaTopic }: RouteDefinition) {
    const { config, log } = this.#context;
    const { processId, redisPrefix, kafkaBrokers: brokers } = config;
    const groupId = routeGroupOf(redisPrefix, routeId);
    const name = `route-${routeId}-${processId}`;
    const producer = await createTransactionalProducer({
      brokers,
      log,
      name,
      transactionalId: `${groupId}-${processId}`,
    });
    try {
      const consumer = await createGroupConsumer({
        brokers,
        log,
        name,
        groupId,
        topics: [kafkaTopic],
        prefetchBytes: PREFETCH_BYTES,
        idleWaitMs: IDLE_WAIT_MS,
      });
      return { consumer, producer };
    } catch (error) {
      await producer.close();
      throw error;
    }
  }

  async #tellStatus(): Promise<void> {
    const keys = routeKeys(this.#context.config.redisPrefix);
    const { processId: workerId } = this.#context.config;
    for (const [routeId, { runner }] of this.#running) {
      const status: RouteStatus = { workerId, atMs: Date.now(), ...runner.progress };
      await this.#redis.hset(keys.status(routeId), workerId, JSON.stringify(status));
    }
  }
}
