// Durable subscriptions for edge tests: definitions and first states as the control plane writes them, and clients that
// consume.

import { Redis } from 'ioredis';
import { loadConfig } from '../../../platform/config.ts';
import { Health } from '../../../platform/health.ts';
import { createLogger } from '../../../platform/log.ts';
import { createMetrics } from '../../../platform/metrics.ts';
import { readMessage } from '../../../schemas/coordination.ts';
import {
  type DurableDefinition,
  durableKeys,
  type ShardState,
  ShardState as ShardStateSchema,
} from '../../../schemas/durable.ts';
import type { WireEventCursor } from '../../../schemas/frames.ts';
import { EdgeConfig } from '../../../workers/edge/config.ts';
import { startEdge } from '../../../workers/edge/edge.ts';
import { freePort } from '../harness/free-port.ts';
import { managed } from '../harness/managed.ts';
import { type EdgeUnderTest, TestClient, until } from './edge-harness.ts';
import { TOPIC_ID } from './played-worker.ts';

/** Before the first record of each partition. */
const BEGINNING = 0x7fffffff;

export class PlayedDurables {
  readonly redis: Redis;
  readonly keys;
  readonly #partitions: number;

  constructor({ redis, prefix }: Pick<EdgeUnderTest, 'redis' | 'prefix'>, partitions: number) {
    this.redis = new Redis(redis.url, { maxRetriesPerRequest: null, retryStrategy: () => 50 });
    this.redis.on('error', () => {}); // some tests stop Redis
    this.keys = durableKeys(prefix);
    this.#partitions = partitions;
  }

  /** As the control plane does: the definition, then a state for each shard. */
  async create(id: string, more: Partial<DurableDefinition> = {}): Promise<DurableDefinition> {
    const definition = this.definition(id, more);
    await this.write(definition);
    for (let shard = 0; shard < (definition.group?.shards ?? 1); shard++) await this.putState(definition, shard);
    await this.redis.publish(this.keys.notify, id);
    return definition;
  }

  definition(id: string, more: Partial<DurableDefinition> = {}): DurableDefinition {
    const position = Array.from({ length: this.#partitions }, (_, partition): [number, number, number] => [
      partition,
      -1,
      BEGINNING,
    ]);
    return {
      id,
      tenant: 'default',
      name: `${id}-name`,
      topicId: TOPIC_ID,
      filter: '',
      fields: null,
      state: 'active',
      ackTimeoutMs: 30_000,
      backoffBaseMs: 50,
      backoffMaxMs: 200,
      maxAttempts: 5,
      maxInFlight: 1000,
      group: null,
      seek: { revision: 1, position },
      revision: 1,
      ...more,
    };
  }

  async write(definition: DurableDefinition): Promise<void> {
    await this.complete();
    await this.redis.hset(this.keys.definitions, definition.id, JSON.stringify(definition));
    await this.redis.publish(this.keys.notify, definition.id);
  }

  /** As the control plane does when all definitions are written. */
  async complete(): Promise<void> {
    await this.redis.set(this.keys.definitionsComplete, '1');
  }

  async putState({ id, seek }: DurableDefinition, shard: number): Promise<void> {
    const state: ShardState = { seekRevision: seek.revision, floor: seek.position, settled: [], attempts: [] };
    await this.redis.hsetnx(this.keys.shard(id, shard), 'state', JSON.stringify(state));
  }

  async state(id: string, shard = 0): Promise<ShardState> {
    return readMessage(ShardStateSchema, (await this.redis.hget(this.keys.shard(id, shard), 'state')) ?? '');
  }

  async epoch(id: string, shard = 0): Promise<number> {
    return Number(await this.redis.hget(this.keys.shard(id, shard), 'epoch'));
  }

  /** Of all minutes, shards and epochs. */
  async ledger(id: string): Promise<Record<string, number>> {
    const sums: Record<string, number> = {};
    for (const key of await this.redis.keys(this.keys.ledger(id, 0).replace(/0$/, '*'))) {
      for (const [field, count] of Object.entries(await this.redis.hgetall(key))) {
        const what = field.split('.')[2] ?? '';
        sums[what] = (sums[what] ?? 0) + Number(count);
      }
    }
    return sums;
  }

  stop(): void {
    this.redis.disconnect();
  }
}

/** One event as a consumer got it. */
export interface Got {
  readonly n: number;
  readonly pad: string;
  readonly attempt: number;
  readonly cursor: WireEventCursor;
}

export class TestConsumer {
  readonly client: TestClient;
  readonly id: string;
  #seq = 0;

  private constructor(client: TestClient, id: string) {
    this.client = client;
    this.id = id;
  }

  /** Resolves when the edge has answered. */
  static async open(url: string, subscription: string, consumer: string, more: object = {}): Promise<TestConsumer> {
    const client = await TestClient.open(url);
    const made = new TestConsumer(client, 'c');
    client.say({ type: 'consume', id: 'c', subscription, consumer, ...more });
    await client.next('consuming');
    return made;
  }

  get consuming() {
    const frame = this.client.of('consuming').at(-1);
    if (!frame) throw new Error('not consuming');
    return frame;
  }

  get got(): Got[] {
    return this.client.of('events').flatMap(({ partition, events, attempts }) =>
      events.map(({ at, data }, i) => ({
        ...(data as { n: number; pad: string }), // as the played worker makes them
        attempt: attempts?.[i] ?? 1,
        cursor: [partition, at[0], at[1]] as const,
      })),
    );
  }

  /** Acknowledges everything as it comes, until the function that is returned is called. */
  ackAll(): () => void {
    const done = new Set<string>();
    const timer = setInterval(() => {
      const fresh = this.got.filter(({ cursor, attempt }) => !done.has(`${cursor} ${attempt}`));
      if (fresh.length === 0) return;
      for (const { cursor, attempt } of fresh) done.add(`${cursor} ${attempt}`);
      this.client.say({ type: 'ack', id: this.id, cursors: fresh.map(({ cursor }) => cursor) });
    }, 20);
    return () => clearInterval(timer);
  }

  get numbers(): number[] {
    return this.got.map(({ n }) => n);
  }

  async has(count: number): Promise<Got[]> {
    await until(`${count} events (it has ${this.got.length})`, () => this.got.length >= count);
    return this.got;
  }

  async becomes(state: string, shards?: number): Promise<void> {
    await until(
      `${state} with ${shards} shards`,
      () => this.consuming.state === state && (shards === undefined || this.consuming.shards.length === shards),
    );
  }

  /** Resolves when it is stored. */
  async ack(cursors: readonly WireEventCursor[]): Promise<void> {
    await this.#answered({ type: 'ack', cursors });
  }

  async ackUpTo(upTo: readonly WireEventCursor[]): Promise<void> {
    await this.#answered({ type: 'ack', upTo });
  }

  async nack(cursors: readonly WireEventCursor[], more: object = {}): Promise<void> {
    await this.#answered({ type: 'nack', cursors, ...more });
  }

  /** As a process that is killed. */
  kill(): void {
    this.client.close();
  }

  async #answered(message: object): Promise<void> {
    this.#seq += 1;
    const seq = this.#seq;
    this.client.say({ ...message, id: this.id, seq });
    await until(`acked ${seq}`, () => this.client.of('acked').some((frame) => frame.seq >= seq));
  }
}

export interface OtherEdge {
  readonly url: string;
  stop(): Promise<void>;
}

/** Another edge of the same installation. @param redisUrl of a proxy, perhaps */
export async function startOtherEdge({ prefix }: Pick<EdgeUnderTest, 'prefix'>, redisUrl: string): Promise<OtherEdge> {
  const port = await freePort();
  const config = loadConfig(EdgeConfig, {
    MDS_REDIS_URL: redisUrl,
    MDS_REDIS_PREFIX: prefix,
    MDS_AUTH: 'off',
    MDS_EDGE_PORT: String(port),
    MDS_HTTP_PORT: '0',
    MDS_LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? 'silent',
  });
  const log = createLogger('edge', config.logLevel);
  const signal = new AbortController().signal;
  const context = { config, log, metrics: createMetrics('edge'), health: new Health(), signal };
  const edge = await startEdge({ ...context, ...managed('edge', EdgeConfig, config) });
  return { url: `ws://127.0.0.1:${port}/v1/stream`, stop: () => edge.stop() };
}
