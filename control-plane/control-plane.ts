// Puts the control plane together from its parts, in the order in which they need each other, and takes it apart again.

import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import type { ProcessContext, RunningProcess } from '../platform/lifecycle.ts';
import { createPool, type Pool, waitForPostgres } from '../platform/postgres.ts';
import { connectRedis, type Redis, subscribeAtStart } from '../platform/redis.ts';
import { RedisClock } from '../platform/redis-clock.ts';
import { createRegistry } from '../platform/registry.ts';
import { auditKeys } from '../schemas/audit.ts';
import { redisKeys } from '../schemas/coordination.ts';
import { durableKeys } from '../schemas/durable.ts';
import { MdsError } from '../schemas/errors.ts';
import { routeKeys } from '../schemas/route.ts';
import type { App } from './api/app.ts';
import { buildServer } from './api/server.ts';
import type { ControlPlaneConfig } from './config.ts';
import { DeadLetters } from './dead-letters/dead-letters.ts';
import { DurableKeeper } from './durable/durable-keeper.ts';
import { Explanations } from './explain/explanations.ts';
import { Housekeeping } from './ownership/housekeeping.ts';
import { LeaderLoop } from './ownership/leader-loop.ts';
import { createLeaderMetrics } from './ownership/leader-metrics.ts';
import { Leadership } from './ownership/leadership.ts';
import { untilTold } from './ownership/told.ts';
import { StatusReader } from './status/status-reader.ts';
import { migrate, readMigrations } from './store/migrations.ts';
import { EvolvedSchemas } from './topics/evolved-schemas.ts';
import { AdminKafkaTopics } from './topics/kafka-topics.ts';
import { readKnownSchemas } from './topics/known-schemas.ts';
import { TopicService } from './topics/topic-service.ts';
import { TopicWork } from './topics/topic-work.ts';
import { UnfinishedTopics } from './topics/unfinished-topics.ts';
import { EventSearch } from './why/event-search.ts';

/** A caller waits for Kafka no longer than this; the creation is finished later or by the same request again. */
const KAFKA_CONNECT_TIMEOUT_MS = 5000;

export interface RunningControlPlane extends RunningProcess {
  readonly port: number;
}

export async function startControlPlane(context: ProcessContext<ControlPlaneConfig>): Promise<RunningControlPlane> {
  const { config, log, metrics, health, signal } = context;
  const keys = redisKeys(config.redisPrefix);
  const pool = createPool(config.postgresUrl, { log, applicationName: 'mds-control-plane' });
  await bringDatabaseUp(pool, context);

  let loop: LeaderLoop | undefined;
  const redisOptions = { log, signal, connectTimeoutMs: config.connectTimeoutMs };
  const redis = await connectRedis(config.redisUrl, {
    ...redisOptions,
    name: 'coordination',
    health,
    onReady: () => loop?.observeAnew(),
  });
  const clock = new RedisClock(redis);
  clock.start();
  const registry = createRegistry(config.registryUrl);
  const kafka = new AdminKafkaTopics({
    brokers: config.kafkaBrokers,
    name: 'topics',
    log,
    connectTimeoutMs: KAFKA_CONNECT_TIMEOUT_MS,
  });
  const known = await readKnownSchemas();
  const work = new TopicWork({ db: pool, kafka, schemas: registry, known });
  const topics = new TopicService({
    db: pool,
    work,
    known,
    onChange: () => loop?.look(),
    untilTold: (topicId) =>
      untilTold(`topic ${topicId}`, async () => (await redis.hexists(keys.catalog, String(topicId))) === 1, log),
  });
  const unfinished = new UnfinishedTopics({ db: pool, work, service: topics, log });
  const evolved = new EvolvedSchemas({ db: pool, schemas: registry, work, log, now: () => performance.now() });

  const durables = durableKeys(config.redisPrefix);
  const deadLetters = new DeadLetters({
    pool,
    redis,
    keys: durables,
    registry,
    kafka,
    connection: { brokers: config.kafkaBrokers, log },
    metrics,
    log,
  });

  const keeper = new DurableKeeper({ redis, keys: durables, db: pool, deadLetters, log });

  const leaderMetrics = createLeaderMetrics(metrics);
  const leadership = new Leadership({
    postgresUrl: config.postgresUrl,
    leaderId: config.processId,
    log,
    onElected: () => {
      leaderMetrics.leads.set(1);
      loop?.observeAnew();
      log.info({ leaderId: config.processId }, 'leading');
    },
    onLost: (reason) => {
      leaderMetrics.leads.set(0);
      log.warn({ leaderId: config.processId, reason }, 'not leading any more');
    },
  });
  loop = new LeaderLoop({
    leadership,
    redis,
    keys,
    routes: routeKeys(config.redisPrefix),
    db: pool,
    durables: keeper,
    unfinished,
    evolved,
    housekeeping: new Housekeeping(pool, redis, keys),
    metrics: leaderMetrics,
    health,
    log,
    intervalMs: config.leaderIntervalMs,
  });
  const answers = await connectRedis(config.redisUrl, { ...redisOptions, name: 'explanations' });
  const explanations = new Explanations({
    redis,
    answers,
    keys,
    replyTo: config.processId,
    sharedNow: () => clock.nowMs(),
    log,
  });
  await explanations.start();
  const lane = await connectRedis(config.redisUrl, { ...redisOptions, name: 'search' });
  const search = new EventSearch({
    commands: redis,
    lane,
    keys,
    controlPlaneId: config.processId,
    log,
    now: () => clock.nowMs(),
  });
  await search.start();
  const version = await readVersion();
  const app = await buildServer({
    db: pool,
    redis,
    keys,
    redisPrefix: config.redisPrefix,
    topics,
    kafka,
    onChange: () => loop?.look(),
    deadLetters: deadLetters.service,
    explanations,
    search,
    schemas: registry,
    status: new StatusReader({ db: pool, redis, keys, auditKeys: auditKeys(config.redisPrefix), version }),
    health,
    metrics,
    log,
    version,
    pageDir: config.pageDir,
    bodyLimitBytes: config.bodyLimitBytes,
  });
  const port = await listen(app, config);
  const notices = await connectRedis(config.redisUrl, { ...redisOptions, name: 'notices' });
  notices.on('message', () => loop?.look());
  await subscribeAtStart(notices, 'subscribe', [keys.notifyHeartbeat]);
  loop.start();
  log.info({ port, host: config.host }, 'listening');

  return {
    port,
    stop: async () => {
      await app.close();
      await loop?.stop();
      loop = undefined;
      await leadership.stop();
      await unfinished.stop();
      await evolved.stop();
      await keeper.stop();
      await deadLetters.stop();
      await kafka.close();
      await registry.close();
      closeRedis(redis, notices, lane, answers);
      await pool.end();
    },
  };
}

async function bringDatabaseUp(pool: Pool, context: ProcessContext<ControlPlaneConfig>): Promise<void> {
  const { config, log, health, signal } = context;
  await waitForPostgres(pool, { log, health, signal, connectTimeoutMs: config.connectTimeoutMs });
  const client = await pool.connect();
  try {
    const applied = await migrate(client, await readMigrations());
    if (applied.length > 0) log.info({ applied }, 'migrated the database');
  } finally {
    client.release();
  }
}

async function listen(app: App, { host, httpPort }: ControlPlaneConfig): Promise<number> {
  try {
    await app.listen({ host, port: httpPort });
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'EADDRINUSE') throw error;
    const details = { port: httpPort, service: 'control plane', holder: '', variable: 'MDS_HTTP_PORT' };
    throw new MdsError('MDS_PORT_BUSY', details, { cause: error });
  }
  return (app.server.address() as AddressInfo).port; // listening on TCP
}

async function readVersion(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  return String(JSON.parse(text).version);
}

function closeRedis(...connections: readonly Redis[]): void {
  for (const connection of connections) connection.disconnect();
}
