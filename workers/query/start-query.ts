// The query process put together: Postgres, Redis and Kafka in, HTTP out. Stateless: any number of them may run.

import { readFile } from 'node:fs/promises';
import { listening } from '../../platform/http-door/http-server.ts';
import { openDoor } from '../../platform/http-door/open-door.ts';
import { createAuthenticator } from '../../platform/identity/create-authenticator.ts';
import type { ProcessContext, RunningProcess } from '../../platform/lifecycle.ts';
import { startManagement } from '../../platform/management/management-agent.ts';
import { createPool, waitForPostgres } from '../../platform/postgres.ts';
import { connectRedis } from '../../platform/redis.ts';
import { createRegistry } from '../../platform/registry.ts';
import { SchemaCache } from '../../platform/schema-cache.ts';
import { TopicCatalog } from '../../platform/topic-catalog.ts';
import { redisKeys } from '../../schemas/coordination.ts';
import { rollupKeys } from '../../schemas/rollup/hot-log.ts';
import type { QueryConfig } from './config.ts';
import { createHttpServer } from './http-server.ts';
import { LiveQueries } from './live/live-queries.ts';
import { PieceReader } from './recent/piece-reader.ts';
import { RecentService } from './recent/recent-service.ts';
import { AggregateService } from './rollup/aggregate-service.ts';
import { HotTail } from './rollup/hot-tail.ts';
import { Rollups } from './rollup/rollups.ts';
import { queryRoutes } from './routes/query-routes.ts';

export async function startQuery(context: ProcessContext<QueryConfig>): Promise<RunningProcess> {
  const { config, log, health, metrics, errors, signal } = context;
  const common = { log, health, signal, connectTimeoutMs: config.connectTimeoutMs };
  const pool = createPool(config.postgresUrl, { log, applicationName: 'mds-query' });
  await waitForPostgres(pool, common);
  const [redis, notices] = await Promise.all([
    connectRedis(config.redisUrl, { ...common, name: 'query' }),
    connectRedis(config.redisUrl, { ...common, name: 'notices' }),
  ]);
  const authenticator = await createAuthenticator({ config, log, metrics, health, signal });
  const management = await startManagement({ ...context, ...config, redis });
  const catalog = new TopicCatalog({ redis, keys: redisKeys(config.redisPrefix), log });
  await catalog.start(notices);
  const rollups = new Rollups(pool, log, config.queryMaxCells);
  rollups.start();
  const keys = rollupKeys(config.redisPrefix);
  const tail = new HotTail({
    redis,
    pool,
    keys,
    asked: () => rollups.asked,
    onChange: (rollupId) => live.touch(rollupId),
    log,
  });
  const service = new AggregateService({
    rollups,
    maxRows: config.queryMaxRows,
    maxAnswerBytes: config.queryAnswerCacheBytes,
    maxKnownRows: config.queryKnownRows,
    now: Date.now,
  });
  const live = new LiveQueries({
    rollups,
    service,
    current: (identity) => authenticator.current(identity),
    maxReaders: config.queryLiveReaders,
    maxReadersPerTenant: config.queryLiveReadersPerTenant,
    maxRows: config.queryLiveRows,
    now: Date.now,
    onBug: (err) => {
      throw err; // unhandled: ends the process
    },
  });
  live.start();
  await tail.start(notices);
  const registry = createRegistry(config.registryUrl);
  const schemas = new SchemaCache({ registry, log, health, signal });
  const readers = Array.from({ length: config.queryReaders }, () => new PieceReader(config.kafkaBrokers, log));
  const recent = new RecentService({ readers, schema: (schemaId) => schemas.resolve(schemaId), now: Date.now });
  const version = String(JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')).version);
  const settings = { ...config, bodyLimitBytes: config.queryBodyBytes };
  const doorOptions = { authenticator, settings: config, redis, redisPrefix: config.redisPrefix };
  const app = await createHttpServer({
    health,
    metrics,
    log,
    errors,
    settings,
    version,
    openDoor: (opening) => openDoor(opening, doorOptions),
  });
  queryRoutes(app, { catalog, service, recent, live });
  await listening('query', config.httpPort, () => app.listen({ host: config.host, port: config.httpPort }));
  log.info({ addresses: app.addresses() }, 'query door open');
  return {
    stop: async () => {
      live.stop();
      await app.close();
      tail.stop();
      rollups.stop();
      catalog.stop();
      await authenticator.stop();
      await management.stop();
      await Promise.all(readers.map((reader) => reader.close()));
      await registry.close();
      redis.disconnect();
      notices.disconnect();
      await pool.end();
    },
  };
}
