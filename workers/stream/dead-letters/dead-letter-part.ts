// The part of a stream worker that writes dead letters for durable subscriptions, put together.

import { KafkaRecordReader } from '../../../platform/kafka-record-reader.ts';
import type { ProcessContext } from '../../../platform/lifecycle.ts';
import { connectRedis, type Redis } from '../../../platform/redis.ts';
import { durableKeys } from '../../../schemas/durable.ts';
import type { StreamConfig } from '../config.ts';
import type { TopicCatalog } from '../topic-catalog.ts';
import { DeadLetterServer, type DeadLetterServerOptions } from './dead-letter-server.ts';

/** An edge asks again after some seconds; a broker that does not answer within this is tried by the next request. */
const CONNECT_TIMEOUT_MS = 5000;

export interface DeadLetterPart {
  start(
    parts: Pick<DeadLetterServerOptions, 'answers' | 'writer' | 'answered'> & { readonly catalog: TopicCatalog },
  ): void;
  stop(): Promise<void>;
}

/** Connects to Redis; to Kafka only when there is a dead letter, so that most workers keep no connection for it. */
export async function startDeadLetters(context: ProcessContext<StreamConfig>): Promise<DeadLetterPart> {
  const { config, log, health, signal } = context;
  const requests: Redis = await connectRedis(config.redisUrl, {
    log,
    health,
    signal,
    connectTimeoutMs: config.connectTimeoutMs,
    name: 'dead-letter-requests',
    commandTimeoutMs: 0,
  });
  const records = new KafkaRecordReader({
    brokers: config.kafkaBrokers,
    log,
    name: `dead-letter-records-${config.processId}`,
    groupId: config.consumerGroup,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
  });
  let server: DeadLetterServer | undefined;
  return {
    start: ({ answers, writer, answered, catalog }) => {
      const keys = durableKeys(config.redisPrefix);
      const topic: DeadLetterServerOptions['topic'] = (topicId) => catalog.topic(topicId);
      server = new DeadLetterServer({ requests, answers, keys, topic, records, writer, log, now: Date.now, answered });
      server.start();
    },
    stop: async () => {
      requests.disconnect();
      await server?.stop();
      await records.close();
    },
  };
}
