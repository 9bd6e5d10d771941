// The rollup worker put together: Kafka in, Postgres and Redis out. Stateless: any number of them share the topics'
// partitions through Kafka's group protocol.

import { startHealthServer } from '../../platform/health.ts';
import { createGroupConsumer } from '../../platform/kafka.ts';
import type { ProcessContext, RunningProcess } from '../../platform/lifecycle.ts';
import { startManagement } from '../../platform/management/management-agent.ts';
import { createPool, waitForPostgres } from '../../platform/postgres.ts';
import { connectRedis } from '../../platform/redis.ts';
import { createRegistry } from '../../platform/registry.ts';
import { SchemaCache } from '../../platform/schema-cache.ts';
import { TopicCatalog } from '../../platform/topic-catalog.ts';
import { redisKeys } from '../../schemas/coordination.ts';
import { rollupKeys } from '../../schemas/rollup/hot-log.ts';
import type { RollupConfig } from './config.ts';
import { Flusher } from './flusher.ts';
import { HotLog } from './hot-log.ts';
import { Housekeeping } from './housekeeping.ts';
import { createRollupMetrics } from './rollup-metrics.ts';
import { RollupRunner } from './rollup-runner.ts';
import { RollupSet } from './rollup-set.ts';
import { openMinutes, readStates } from './rollup-store.ts';
import { Slices } from './slices.ts';

/** 16 MiB: a flush takes some tens of milliseconds, in which Kafka's fetches go on. */
const PREFETCH_BYTES = 16_777_216;
const IDLE_WAIT_MS = 100;
const DAY_MS = 86_400_000;

export async function startRollup(context: ProcessContext<RollupConfig>): Promise<RunningProcess> {
  const { config, log, health, metrics, signal } = context;
  const common = { log, health, signal, connectTimeoutMs: config.connectTimeoutMs };
  const pool = createPool(config.postgresUrl, { log, applicationName: 'mds-rollup' });
  await waitForPostgres(pool, common);
  const [redis, notices] = await Promise.all([
    connectRedis(config.redisUrl, { ...common, name: 'rollup' }),
    connectRedis(config.redisUrl, { ...common, name: 'notices' }),
  ]);
  const registry = createRegistry(config.registryUrl);
  const schemas = new SchemaCache({ registry, log, health, signal });
  const management = await startManagement({ ...context, ...config, redis });
  const keys = redisKeys(config.redisPrefix);
  const catalog = new TopicCatalog({ redis, keys, log, onChange: () => rollups.look() });
  const rollups = new RollupSet(
    pool,
    () => catalog.topics,
    log,
    () => performance.now(),
  );
  await catalog.start(notices);

  const slices = new Slices(pool, log);
  const flusher = new Flusher(pool, slices);
  const hotLog = new HotLog(redis, rollupKeys(config.redisPrefix), log);
  const counters = createRollupMetrics(metrics);
  const groupId = `${config.redisPrefix}-rollup`;
  const runner = new RollupRunner({
    rollups: () => rollups.current(),
    connect: (topics) =>
      createGroupConsumer({
        brokers: config.kafkaBrokers,
        log,
        signal,
        name: `rollup-${config.processId}`,
        groupId,
        topics,
        prefetchBytes: PREFETCH_BYTES,
        idleWaitMs: IDLE_WAIT_MS,
      }),
    states: async (places) => {
      const states = await readStates(pool, places);
      slices.forget();
      await slices.ensure(await openMinutes(pool, states));
      return states;
    },
    nameSeries: (rollup) => rollups.nameSeries(rollup),
    flush: (flushes) => counters.timed(() => flusher.flush(flushes)),
    onFlushed: async (flushed, flushes) => {
      counters.flushed(flushes);
      await hotLog.write(flushed);
    },
    schema: (schemaId) => schemas.resolve(schemaId),
    limits: { latenessMs: config.rollupLatenessMs, keptMs: config.rollupMinutesKeptDays * DAY_MS },
    flushIntervalMs: config.rollupFlushIntervalMs,
    maxCells: config.rollupMaxCells,
    log,
    onFailed: (reason) => health.setReady('rollup', reason === null, reason ?? undefined),
    now: Date.now,
  });
  const housekeeping = new Housekeeping(pool, slices, config, log);
  const server = await startHealthServer({ host: config.host, port: config.httpPort, health, metrics });
  runner.start((err) => {
    throw err; // a bug ends the process; what is stored is whole
  });
  housekeeping.start();
  return {
    stop: async () => {
      await runner.stop();
      await housekeeping.stop();
      catalog.stop();
      await management.stop();
      redis.disconnect();
      notices.disconnect();
      await registry.close();
      await pool.end();
      await server.close();
    },
  };
}
