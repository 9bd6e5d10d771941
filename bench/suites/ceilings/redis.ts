// Ceiling of a lane: how much sharded pub/sub of envelope-sized messages one publisher, one Redis and one subscriber carry,
// and for how much CPU at each of the three ends.

import { Redis } from 'ioredis';
import { type Spread, spreadOf } from '../kernel/spread.ts';
import { Part } from './part.ts';
import type { PublishRun } from './redis-publisher-part.ts';

export interface RedisCeiling {
  readonly messageBytes: number;
  readonly messagesPerSecond: Spread;
  readonly megabytesPerSecond: Spread;
  readonly cpuSecondsPerGigabyte: {
    readonly publisher: Spread;
    readonly redis: Spread;
    readonly subscriber: Spread;
  };
}

/** Redis closes a subscriber that is 32 MB behind; a quarter of that is plenty to keep both ends busy. */
const WINDOW_BYTES = 8_000_000;
const CREDITS_PER_WINDOW = 4;

export async function measureRedis(
  url: string,
  { messageBytes, megabytes, repetitions }: RedisMeasurement,
): Promise<RedisCeiling> {
  const channel = `bench:ceiling:${process.pid}`;
  const creditMessages = Math.max(1, Math.floor(WINDOW_BYTES / CREDITS_PER_WINDOW / messageBytes));
  const credits = Math.ceil((megabytes * 1e6) / messageBytes / creditMessages);
  const run: PublishRun = {
    messages: credits * creditMessages,
    messageBytes,
    windowMessages: creditMessages * CREDITS_PER_WINDOW,
  };
  const redis = new Redis(url);
  const subscriber = new Part(new URL('redis-subscriber-part.ts', import.meta.url), { url, channel, creditMessages });
  const publisher = new Part(new URL('redis-publisher-part.ts', import.meta.url), { url, channel });
  try {
    await subscriber.answer('subscribed');
    await publisher.answer('ready');
    const runs = [];
    for (let i = 0; i <= repetitions; i++)
      runs.push(await oneRun({ redis, subscriber, publisher, run, creditMessages }));
    return ceilingOf(messageBytes, runs.slice(1)); // the first is the warm-up
  } finally {
    await Promise.all([subscriber.end(), publisher.end(), redis.quit()]);
  }
}

export interface RedisMeasurement {
  readonly messageBytes: number;
  readonly megabytes: number;
  readonly repetitions: number;
}

interface RedisRun {
  readonly messages: number;
  readonly elapsedMs: number;
  readonly publisherCpuMs: number;
  readonly redisCpuMs: number;
  readonly subscriberCpuMs: number;
}

interface Ends {
  readonly redis: Redis;
  readonly subscriber: Part;
  readonly publisher: Part;
  readonly run: PublishRun;
  readonly creditMessages: number;
}

async function oneRun({ redis, subscriber, publisher, run, creditMessages }: Ends): Promise<RedisRun> {
  subscriber.send({ kind: 'reset' });
  await subscriber.answer('reset');
  const redisCpuMs = await redisCpu(redis);
  const startedMs = performance.now();
  publisher.send({ kind: 'publish', ...run });
  let subscriberCpuMs = 0;
  for (let seen = 0; seen < run.messages; seen += creditMessages) {
    const credit = await subscriber.answer('credit');
    publisher.send(credit);
    subscriberCpuMs = Number(credit.cpuMs);
  }
  const elapsedMs = performance.now() - startedMs;
  const { cpuMs } = await publisher.answer('published');
  return {
    messages: run.messages,
    elapsedMs,
    publisherCpuMs: Number(cpuMs),
    redisCpuMs: (await redisCpu(redis)) - redisCpuMs,
    subscriberCpuMs,
  };
}

async function redisCpu(redis: Redis): Promise<number> {
  const info = await redis.info('cpu');
  const seconds = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1] ?? Number.NaN);
  return (seconds('used_cpu_user') + seconds('used_cpu_sys')) * 1000;
}

function ceilingOf(messageBytes: number, runs: readonly RedisRun[]): RedisCeiling {
  const perSecond = (run: RedisRun): number => (run.messages / run.elapsedMs) * 1e3;
  const perGigabyte = (run: RedisRun, cpuMs: number): number => cpuMs / 1e3 / ((run.messages * messageBytes) / 1e9);
  return {
    messageBytes,
    messagesPerSecond: spreadOf(runs.map(perSecond)),
    megabytesPerSecond: spreadOf(runs.map((run) => (perSecond(run) * messageBytes) / 1e6)),
    cpuSecondsPerGigabyte: {
      publisher: spreadOf(runs.map((run) => perGigabyte(run, run.publisherCpuMs))),
      redis: spreadOf(runs.map((run) => perGigabyte(run, run.redisCpuMs))),
      subscriber: spreadOf(runs.map((run) => perGigabyte(run, run.subscriberCpuMs))),
    },
  };
}
