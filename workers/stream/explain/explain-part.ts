// The explaining side of a stream worker, put together.

import { createConsumer, type KafkaConsumer } from '../../../platform/kafka.ts';
import type { ProcessContext } from '../../../platform/lifecycle.ts';
import { connectRedis, type Redis } from '../../../platform/redis.ts';
import { RedisClock } from '../../../platform/redis-clock.ts';
import type { SchemaCache } from '../../../platform/schema-cache.ts';
import { type RedisKeys, redisKeys } from '../../../schemas/coordination.ts';
import type { StreamConfig } from '../config.ts';
import type { TopicCatalog } from '../topic-catalog.ts';
import { EventSampler } from './event-sampler.ts';
import { createExplainThread } from './explain-pool.ts';
import { ExplainServer, type ExplainServerOptions } from './explain-server.ts';
import { Explainer } from './explainer.ts';
import { TrafficReader } from './traffic-reader.ts';

/** 4 MiB: windows are small, and what was fetched beyond their ends is thrown away. */
const PREFETCH_BYTES = 4_194_304;
/** Whoever asks waits 5 s; a broker that does not answer within this is told as the reason. */
const CONNECT_TIMEOUT_MS = 2000;
/** Records whose schema the registry does not give within this are left out. */
const SCHEMA_TIMEOUT_MS = 1000;

export interface ExplainPart {
  start(parts: Pick<ExplainServerOptions, 'answers' | 'answered'> & { readonly catalog: TopicCatalog }): void;
  stop(): Promise<void>;
}

/** Connects to Redis; to Kafka only when somebody asks, so that workers nobody asks keep no connection for it. */
export async function startExplain(context: ProcessContext<StreamConfig>, schemas: SchemaCache): Promise<ExplainPart> {
  const { config, log, health, signal } = context;
  const keys: RedisKeys = redisKeys(config.redisPrefix);
  const requests: Redis = await connectRedis(config.redisUrl, {
    log,
    health,
    signal,
    connectTimeoutMs: config.connectTimeoutMs,
    name: 'explain-requests',
    commandTimeoutMs: 0,
  });
  const thread = createExplainThread();
  const nowMs = (): number => performance.now();
  let connecting: Promise<KafkaConsumer> | undefined;
  let sampler: EventSampler | undefined;
  const connectedSampler = async (): Promise<EventSampler> => {
    connecting ??= createConsumer({
      brokers: config.kafkaBrokers,
      log,
      name: `explain-${config.processId}`,
      groupId: config.consumerGroup,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      prefetchBytes: PREFETCH_BYTES,
      idleWaitMs: 20,
      offsetReset: 'earliest',
    }).catch((error: unknown) => {
      connecting = undefined; // tried again by the next question
      throw error;
    });
    const consumer = await connecting;
    const schema = (schemaId: number): Promise<string | null> => withinTime(schemas.resolve(schemaId));
    sampler ??= new EventSampler({ reader: new TrafficReader(consumer), thread, schema, nowMs });
    return sampler;
  };
  let server: ExplainServer | undefined;
  return {
    start: ({ answers, answered, catalog }) => {
      const clock = new RedisClock(answers);
      const explainer = new Explainer({ sampler: connectedSampler, thread, topic: (id) => catalog.topic(id) });
      server = new ExplainServer({ requests, answers, keys, explainer, log, now: () => clock.nowMs(), answered });
      clock.start();
      server.start();
    },
    stop: async () => {
      requests.disconnect();
      await Promise.all([server?.stop(), thread.close()]);
      await (await connecting?.catch(() => undefined))?.disconnect();
    },
  };
}

/** A registry that is away is waited for by live records; who explains a filter has no time for that. */
async function withinTime(resolving: Promise<string | null>): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), SCHEMA_TIMEOUT_MS);
  });
  try {
    return await Promise.race([resolving, late]);
  } finally {
    clearTimeout(timer);
  }
}
