// The replay side of a stream worker, put together.

import { createConsumer } from '../../../platform/kafka.ts';
import type { ProcessContext } from '../../../platform/lifecycle.ts';
import { connectRedis } from '../../../platform/redis.ts';
import { RedisClock } from '../../../platform/redis-clock.ts';
import type { SchemaCache } from '../../../platform/schema-cache.ts';
import { redisKeys } from '../../../schemas/coordination.ts';
import type { StreamConfig } from '../config.ts';
import { startKernelThread } from '../kernel-pool.ts';
import { TopicCatalog } from '../topic-catalog.ts';
import { ReplayBudget } from './replay-budget.ts';
import { ReplayKernel } from './replay-kernel.ts';
import { ReplayRunner, type ReplayRunnerOptions } from './replay-runner.ts';
import { ReplayServer, type ReplayServerOptions } from './replay-server.ts';

/** 4 MiB: an answer is rarely longer, and what was fetched beyond its end is thrown away. */
const PREFETCH_BYTES = 4_194_304;

export type ReplayEnds = Pick<ReplayServerOptions, 'answered'> &
  Pick<ReplayRunnerOptions, 'interestOf' | 'isLiveHeldUp' | 'onScanned'>;

export interface ReplayPart {
  start(ends: ReplayEnds): void;
  stop(): Promise<void>;
}

/** Connects; nothing is answered before `start`. */
export async function startReplay(
  { config, log, health, signal, settings }: ProcessContext<StreamConfig>,
  schemas: SchemaCache,
): Promise<ReplayPart> {
  const { connectTimeoutMs, processId, outputBytes, slabBytes, envelopeBytes, recordOutputBytes } = config;
  const common = { log, health, signal, connectTimeoutMs };
  const keys = redisKeys(config.redisPrefix);
  const [requests, lanes, consumer, thread] = await Promise.all([
    connectRedis(config.redisUrl, { ...common, name: 'replay-requests', commandTimeoutMs: 0 }),
    connectRedis(config.redisUrl, { ...common, name: 'replay-lanes' }),
    createConsumer({
      ...common,
      brokers: config.kafkaBrokers,
      name: `replay-${processId}`,
      groupId: config.consumerGroup,
      prefetchBytes: PREFETCH_BYTES,
      idleWaitMs: 20,
      offsetReset: 'error',
    }),
    startKernelThread({ envelopeBytes, recordOutputBytes, slabBytes, outputBytes }),
  ]);
  const send = async (lane: string, envelopes: readonly Uint8Array[]): Promise<void> => {
    const pipeline = lanes.pipeline();
    for (const { buffer, byteOffset, length } of envelopes) {
      pipeline.spublish(keys.lane(lane), Buffer.from(buffer, byteOffset, length));
    }
    const failed = (await pipeline.exec())?.find(([error]) => error !== null)?.[0];
    if (failed) throw failed;
  };
  const clock = new RedisClock(lanes);
  const catalog = new TopicCatalog(lanes, keys, log);
  const kernel = new ReplayKernel({
    thread,
    slabBytes,
    outputBytes,
    schema: (schemaId) => schemas.resolve(schemaId),
    send,
  });
  const budget = new ReplayBudget(config.replayBytesPerSecond);
  settings.onChange<number>('replayBytesPerSecond', (bytesPerSecond) => {
    budget.bytesPerSecond = bytesPerSecond;
  });
  let server: ReplayServer | undefined;
  return {
    start: ({ answered, ...ends }) => {
      const runner = new ReplayRunner({
        consumer,
        kernel,
        topic: (topicId, partitions) => catalog.topic(topicId, partitions),
        ...ends,
        send,
        budget,
        log,
        now: Date.now,
      });
      server = new ReplayServer({ redis: requests, keys, runner, log, now: () => clock.nowMs(), answered });
      clock.start();
      server.start();
    },
    stop: async () => {
      requests.disconnect();
      await server?.stop();
      lanes.disconnect();
      await Promise.all([consumer.disconnect(), thread.close()]);
    },
  };
}
