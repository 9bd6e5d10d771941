// The ingest doors put together: HTTP and syslog in, Kafka out. Stateless: any number of them may run.

import { readFile } from 'node:fs/promises';
import { listening } from '../../platform/http-door/http-server.ts';
import { createAuthenticator } from '../../platform/identity/create-authenticator.ts';
import { createProducer } from '../../platform/kafka.ts';
import type { ProcessContext, RunningProcess } from '../../platform/lifecycle.ts';
import { startManagement } from '../../platform/management/management-agent.ts';
import { connectRedis } from '../../platform/redis.ts';
import { createRegistry } from '../../platform/registry.ts';
import { redisKeys } from '../../schemas/coordination.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import { Admission } from './admission.ts';
import type { IngestConfig } from './config.ts';
import { DedupeWindow } from './dedupe-window.ts';
import { allDoors } from './doors/all-doors.ts';
import { EventQuota } from './event-quota.ts';
import { EventSearch } from './event-search.ts';
import { createHttpServer } from './http-server.ts';
import { Ingest } from './ingest.ts';
import { Intake } from './intake.ts';
import { type Mappings, readMappings } from './mapping/mapping.ts';
import { startSyslog } from './syslog/start-syslog.ts';
import { TopicReaders } from './topic-readers.ts';

/** Below the lease of a claim by far: after this a record is in Kafka or never will be. */
const PRODUCE_TIMEOUT_MS = 10_000;

export async function startIngest(context: ProcessContext<IngestConfig>): Promise<RunningProcess> {
  const { config, log, health, metrics, signal, errors } = context;
  const mappings = await mappingsOf(config.ingestMappingFile);
  const common = { log, health, signal, connectTimeoutMs: config.connectTimeoutMs };
  const [redis, notices, producer] = await Promise.all([
    connectRedis(config.redisUrl, { ...common, name: 'window' }),
    connectRedis(config.redisUrl, { ...common, name: 'notices' }),
    createProducer({ ...common, brokers: config.kafkaBrokers, name: 'ingest', deliveryTimeoutMs: PRODUCE_TIMEOUT_MS }),
  ]);
  const authenticator = await createAuthenticator({ config, log, metrics, health, signal });
  const keys = redisKeys(config.redisPrefix);
  const topics = new TopicReaders({ redis, keys, log, maxEvents: config.ingestRequestEvents });
  await topics.start(notices);
  const management = await startManagement({ ...context, ...config, redis });
  const search = new EventSearch(config.kafkaBrokers, log);
  const window = new DedupeWindow(redis, config.redisPrefix, config.ingestDedupeWindowMs);
  const ingest = new Ingest({ window, search, producer, log, now: () => performance.now() });
  const registry = createRegistry(config.registryUrl);
  const quota = new EventQuota({
    redis,
    redisPrefix: config.redisPrefix,
    log,
    limitOf: (tenant) => authenticator.quotasOf(tenant).eventsInPerSecond,
    now: () => performance.now(),
  });
  const intake = new Intake({ ingest, quota, metrics, registry, turnEvents: config.ingestRequestEvents });
  const admission = new Admission({ topics, quota, limit: config.ingestInFlightRequests });
  const doors = allDoors(mappings, config.ingestDecodedBytes);
  const parts = { authenticator, redis, admission, intake, quota, errors, log, health, metrics };
  const app = await createHttpServer({ ...parts, doors, config });
  const syslog = await startSyslog({ config, log, metrics, admission, authenticator, intake, map: mappings.syslog });
  await listening('ingest', config.httpPort, () => app.listen({ host: config.host, port: config.httpPort }));
  log.info({ addresses: app.addresses() }, 'ingest doors open');
  return {
    stop: async () => {
      await Promise.all([app.close(), syslog?.close()]);
      topics.stop();
      await management.stop();
      await search.close();
      await producer.disconnect();
      await authenticator.stop();
      await registry.close();
      redis.disconnect();
      notices.disconnect();
    },
  };
}

/** @throws MdsError `MDS_CONFIG_INVALID` with all that is wrong with the file */
async function mappingsOf(file: string): Promise<Mappings> {
  if (file === '') return readMappings(null);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new MdsError('MDS_CONFIG_INVALID', { problems: [`MDS_INGEST_MAPPING_FILE: ${reasonOf(cause)}`] }, { cause });
  }
  return readMappings(text);
}
