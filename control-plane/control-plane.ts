// Puts the control plane together from its parts, in the order in which they need each other, and takes it apart again.

import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { listening } from '../platform/http-door/http-server.ts';
import { createAuthenticator, type RunningAuthenticator } from '../platform/identity/create-authenticator.ts';
import { createTopicSettingsClient } from '../platform/kafka-topic-settings.ts';
import type { ProcessContext, RunningProcess } from '../platform/lifecycle.ts';
import { startManagement } from '../platform/management/management-agent.ts';
import { createPool, type Pool, waitForPostgres, withTransaction } from '../platform/postgres.ts';
import { connectRedis, type Redis, subscribeAtStart } from '../platform/redis.ts';
import { RedisClock } from '../platform/redis-clock.ts';
import { createRegistry } from '../platform/registry.ts';
import { auditKeys } from '../schemas/audit.ts';
import { connectionKeys } from '../schemas/connection-control.ts';
import { redisKeys } from '../schemas/coordination.ts';
import { durableKeys } from '../schemas/durable.ts';
import { managementKeys } from '../schemas/management.ts';
import { routeKeys } from '../schemas/route.ts';
import type { App } from './api/app.ts';
import { buildServer } from './api/server.ts';
import type { ControlPlaneConfig } from './config.ts';
import { ConnectionDirectory } from './connections/connection-directory.ts';
import { EdgeQuestions } from './connections/edge-questions.ts';
import { DeadLetters } from './dead-letters/dead-letters.ts';
import { DurableKeeper } from './durable/durable-keeper.ts';
import { Explanations } from './explain/explanations.ts';
import { HealthWatch } from './health/health-watch.ts';
import { IdentityServices } from './identity/identity-services.ts';
import { Housekeeping } from './ownership/housekeeping.ts';
import { LeaderLoop } from './ownership/leader-loop.ts';
import { createLeaderMetrics } from './ownership/leader-metrics.ts';
import { Leadership } from './ownership/leadership.ts';
import { untilTold } from './ownership/told.ts';
import { ConfigurationService } from './settings/configuration-service.ts';
import { StatusReader } from './status/status-reader.ts';
import { cordonedWorkers } from './store/cordoned-workers.ts';
import { migrate, readMigrations } from './store/migrations.ts';
import { EvolvedSchemas } from './topics/evolved-schemas.ts';
import { AdminKafkaTopics } from './topics/kafka-topics.ts';
import { readKnownSchemas } from './topics/known-schemas.ts';
import { SchemaVersions } from './topics/schema-versions.ts';
import { TopicChanges } from './topics/topic-changes.ts';
import { TopicDescriber } from './topics/topic-describer.ts';
import { TopicService } from './topics/topic-service.ts';
import { TopicWork } from './topics/topic-work.ts';
import { UnfinishedTopics } from './topics/unfinished-topics.ts';
import { EventSearch } from './why/event-search.ts';

/** A caller waits for Kafka no longer than this; the creation is finished later or by the same request again. */
const KAFKA_CONNECT_TIMEOUT_MS = 5000;

/** A Redis that takes longer is as good as away: then this process counts alone. */
const LIMITS_TIMEOUT_MS = 250;

export interface RunningControlPlane extends RunningProcess {
  readonly port: number;
}

export async function startControlPlane(context: ProcessContext<ControlPlaneConfig>): Promise<RunningControlPlane> {
  const { config, log, metrics, health, signal, errors } = context;
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
  let running: RunningAuthenticator | undefined;
  const refresh = async () => running?.refresh();
  const identities = new IdentityServices({ pool, redis, log, config, refresh });
  await identities.start();
  const authenticator = await createAuthenticator({ config, log, metrics, health, signal });
  running = authenticator;
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
  const onChange = (): void => loop?.look();
  const settings = createTopicSettingsClient(config.kafkaBrokers);
  const topicManagement = {
    changes: new TopicChanges({ kafka, settings, onChange }),
    describer: new TopicDescriber({ kafka, settings, schemas: registry }),
    versions: new SchemaVersions({ db: pool, redis, keys, schemas: registry, work, onChange }),
  };
  const topics = new TopicService({
    db: pool,
    work,
    known,
    onChange,
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
  const configuration = new ConfigurationService({ db: pool, redis, keys: managementKeys(config.redisPrefix) });
  loop = new LeaderLoop({
    configuration,
    cordoned: () => cordonedWorkers(pool),
    leadership,
    redis,
    keys,
    routes: routeKeys(config.redisPrefix),
    db: pool,
    durables: keeper,
    identities,
    unfinished,
    evolved,
    housekeeping: new Housekeeping(pool, redis, keys, { days: config.auditRetentionDays, rows: config.auditMaxRows }),
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
  const edgeAnswers = await connectRedis(config.redisUrl, { ...redisOptions, name: 'edge answers' });
  const questions = new EdgeQuestions({
    redis,
    answers: edgeAnswers,
    keys: connectionKeys(config.redisPrefix),
    replyTo: config.processId,
    log,
  });
  await questions.start();
  const limits = await connectRedis(config.redisUrl, {
    ...redisOptions,
    name: 'limits',
    commandTimeoutMs: LIMITS_TIMEOUT_MS,
  });
  const version = await readVersion();
  const status = new StatusReader({ db: pool, redis, keys, auditKeys: auditKeys(config.redisPrefix), version });
  const healthWatch = new HealthWatch({ status, db: pool, redis, keys, registry, metrics, now: Date.now });
  const app = await buildServer({
    db: pool,
    transact: (transaction) => withTransaction(pool, transaction),
    authenticator,
    limits,
    settings: config,
    redis,
    keys,
    redisPrefix: config.redisPrefix,
    topics,
    topicManagement,
    kafka,
    onChange,
    connections: new ConnectionDirectory({ redis, keys, questions }),
    deadLetters: deadLetters.service,
    explanations,
    search,
    schemas: registry,
    status,
    healthWatch,
    configuration,
    errors,
    health,
    metrics,
    log,
    version,
    pageDir: config.pageDir,
    pageEdges: config.pageEdges,
    identities,
  });
  const port = await listen(app, config);
  const notices = await connectRedis(config.redisUrl, { ...redisOptions, name: 'notices' });
  notices.on('message', () => loop?.look());
  await subscribeAtStart(notices, 'subscribe', [keys.notifyHeartbeat]);
  loop.start();
  healthWatch.start();
  const management = await startManagement({ ...context, ...config, redis });
  log.info({ port, host: config.host }, 'listening');

  return {
    port,
    stop: async () => {
      healthWatch.stop();
      await app.close();
      await management.stop();
      await authenticator.stop();
      await loop?.stop();
      loop = undefined;
      await leadership.stop();
      await unfinished.stop();
      await evolved.stop();
      await keeper.stop();
      await identities.stop();
      await deadLetters.stop();
      await kafka.close();
      await registry.close();
      closeRedis(redis, notices, lane, answers, edgeAnswers, limits);
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
  await listening('control plane', httpPort, () => app.listen({ host, port: httpPort }));
  return (app.server.address() as AddressInfo).port; // listening on TCP
}

async function readVersion(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  return String(JSON.parse(text).version);
}

function closeRedis(...connections: readonly Redis[]): void {
  for (const connection of connections) connection.disconnect();
}
