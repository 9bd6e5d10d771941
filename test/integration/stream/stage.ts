// The stage for stream worker tests: topics, records, the leader's side of ownership, and workers in this process. Every
// stage has its own Redis prefix, consumer group and topics.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import avsc from 'avsc';
import type { Static } from 'typebox';
import { loadConfig } from '../../../platform/config.ts';
import { Health } from '../../../platform/health.ts';
import {
  createAdmin,
  createConsumer,
  createProducer,
  type KafkaAdmin,
  type KafkaProducer,
} from '../../../platform/kafka.ts';
import { createLogger, type Logger } from '../../../platform/log.ts';
import { createMetrics, type Metrics } from '../../../platform/metrics.ts';
import { connectRedis, type Redis } from '../../../platform/redis.ts';
import { createRegistry, type SchemaRegistry } from '../../../platform/registry.ts';
import { encodeConfluent } from '../../../schemas/confluent-wire.ts';
import {
  type CatalogTopic,
  type PartitionGrant,
  type RedisKeys,
  readMessage,
  redisKeys,
  WorkerHeartbeat,
} from '../../../schemas/coordination.ts';
import { streamConfig } from '../../../workers/stream/config.ts';
import { StreamWorker } from '../../../workers/stream/stream-worker.ts';
import { managed } from '../harness/managed.ts';
import type { TestStack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';

const WAIT_MS = 40_000;
let nextTopicId = 1;

export const avsSchema = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(`../../../schemas/avro/events/${name}.avsc`, import.meta.url), 'utf8'));

export interface Played {
  readonly worker: StreamWorker;
  readonly workerId: string;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly failures: unknown[];
}

export class Stage {
  readonly id = `s${randomBytes(4).toString('hex')}`;
  readonly keys: RedisKeys = redisKeys(this.id);
  readonly env: Readonly<Record<string, string>>;
  readonly redisUrl: string;
  readonly redis: Redis;
  readonly admin: KafkaAdmin;
  readonly producer: KafkaProducer;
  readonly registry: SchemaRegistry;
  readonly log: Logger = createLogger('stage', process.env.STAGE_LOG ?? 'silent');
  readonly workers = new Set<Played>();
  readonly #revisions = new Map<string, number>();

  private constructor(
    env: Readonly<Record<string, string>>,
    redis: Redis,
    admin: KafkaAdmin,
    producer: KafkaProducer,
    registry: SchemaRegistry,
  ) {
    this.env = { ...env, MDS_REDIS_PREFIX: this.id, MDS_CONSUMER_GROUP: `${this.id}-workers` };
    this.redisUrl = env.MDS_REDIS_URL ?? '';
    this.redis = redis;
    this.admin = admin;
    this.producer = producer;
    this.registry = registry;
  }

  static async start({ env }: Pick<TestStack, 'env'>): Promise<Stage> {
    const log = createLogger('stage', 'silent');
    const kafka = { brokers: env.MDS_KAFKA_BROKERS ?? '', log };
    const [redis, admin, producer] = await Promise.all([
      connectRedis(env.MDS_REDIS_URL ?? '', { log, name: 'stage' }),
      createAdmin({ ...kafka, name: 'stage' }),
      createProducer({ ...kafka, name: 'stage' }),
    ]);
    return new Stage(env, redis, admin, producer, createRegistry(env.MDS_REGISTRY_URL ?? ''));
  }

  async stop(): Promise<void> {
    await Promise.all(
      [...this.workers].map(async ({ worker, workerId }) => {
        await this.assign(workerId, []); // as a leader does for a worker that drains
        await worker.stop();
      }),
    );
    await Promise.all([this.admin.disconnect(), this.producer.disconnect(), this.registry.close()]);
    this.redis.disconnect();
  }

  /** @param schema of one event; the first version */
  async aTopic(
    partitions: number,
    schema: unknown = avsSchema('MonitoringEvent'),
    config: Readonly<Record<string, string>> = {},
  ): Promise<CatalogTopic> {
    const topicId = nextTopicId++;
    const name = `${this.id}-${topicId}`;
    const kafkaTopic = `default.${name}`;
    const deadLetterTopic = `${this.id}.dead-letter`;
    await this.admin.createTopic({ topic: kafkaTopic, partitions, config });
    await this.admin.createTopic({ topic: deadLetterTopic, partitions: 1 });
    const text = JSON.stringify(schema);
    const schemaId = await this.registry.register(`${kafkaTopic}-value`, text);
    const topic = { topicId, tenant: 'default', name, kafkaTopic, deadLetterTopic, partitions, schemaId, schema: text };
    await this.redis.hset(this.keys.catalog, String(topicId), JSON.stringify(topic));
    await this.redis.publish(this.keys.notifyCatalog, '');
    return topic;
  }

  register(topic: CatalogTopic, schema: unknown, suffix = 'value'): Promise<number> {
    return this.registry.register(`${topic.kafkaTopic}-${suffix}`, JSON.stringify(schema));
  }

  /** @returns the offset */
  async produce(topic: CatalogTopic, partition: number, value: Uint8Array | null, key?: string): Promise<number> {
    return (await this.producer.produce(topic.kafkaTopic, partition, value, key ?? null)).offset;
  }

  async aWorker(workerId: string, env: Readonly<Record<string, string>> = {}): Promise<Played> {
    const config: Static<typeof streamConfig> = loadConfig(streamConfig, {
      ...Object.fromEntries(Object.entries(this.env).filter(([name]) => name !== 'MDS_POSTGRES_URL')),
      MDS_PROCESS_ID: workerId,
      MDS_KERNEL_THREADS: '1',
      ...env,
    });
    const health = new Health();
    const metrics = createMetrics('stream');
    const failures: unknown[] = [];
    const { signal } = new AbortController();
    const context = { config, log: this.log, metrics, health, signal, ...managed('stream', streamConfig, config) };
    const onFailure = (error: unknown): void => void failures.push(error);
    const worker = await StreamWorker.start(context, { httpUrl: 'http://127.0.0.1:0', onFailure });
    const played = { worker, workerId, health, metrics, failures };
    this.workers.add(played);
    return played;
  }

  /** The leader's word: what the worker shall own from now on. @returns the assignment's revision */
  async assign(workerId: string, partitions: readonly PartitionGrant[]): Promise<number> {
    const revision = (this.#revisions.get(workerId) ?? 0) + 1;
    this.#revisions.set(workerId, revision);
    await this.redis.set(this.keys.assignment(workerId), JSON.stringify({ workerId, revision, partitions }));
    await this.redis.publish(this.keys.notifyAssignment, workerId);
    return revision;
  }

  all({ topicId, partitions }: CatalogTopic, epoch: number): PartitionGrant[] {
    return Array.from({ length: partitions }, (_, partition) => ({ topicId, partition, epoch }));
  }

  async heartbeat(workerId: string): Promise<WorkerHeartbeat | null> {
    const text = await this.redis.get(this.keys.worker(workerId));
    return text === null ? null : readMessage(WorkerHeartbeat, text);
  }

  /** Resolves when the worker says that it has given back what the revision takes, and runs the rest. */
  applied(workerId: string, revision: number, count: number): Promise<WorkerHeartbeat> {
    return until(`${workerId} to own ${count}`, WAIT_MS, async () => {
      const beat = await this.heartbeat(workerId);
      const isThere = beat && beat.assignmentRevision >= revision && beat.owned.length === count;
      return isThere && beat.owned.every(({ nextOffset }) => nextOffset >= 0) ? beat : null;
    });
  }

  async committed(topic: CatalogTopic): Promise<(number | null)[]> {
    const consumer = await createConsumer({
      brokers: this.env.MDS_KAFKA_BROKERS ?? '',
      name: 'look',
      log: this.log,
      groupId: `${this.id}-workers`,
    });
    try {
      const places = Array.from({ length: topic.partitions }, (_, partition) => ({
        topic: topic.kafkaTopic,
        partition,
      }));
      return (await consumer.committed(places)).map(({ offset }) => offset);
    } finally {
      await consumer.disconnect();
    }
  }
}

/** Encodes plain objects with a schema, framed. */
export function encoder(schemaId: number, schema: unknown, registry: Record<string, unknown> = {}) {
  const type = avsc.Type.forSchema(schema as avsc.Schema, { registry: registry as never });
  return (value: unknown): Uint8Array => encodeConfluent(schemaId, type.toBuffer(value));
}

let sequence = 0;
export function anEvent(given: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: `e${sequence++}`,
    tenant: 'default',
    service: 'shop',
    host: 'h1',
    kind: 'METRIC',
    name: 'cpu.usage',
    severity: 'INFO',
    value: 1.5,
    unit: '%',
    timestamp: 1_700_000_000_000_000,
    labels: { region: 'eu-1' },
    message: null,
    traceId: null,
    ...given,
  };
}
