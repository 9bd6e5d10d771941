// Redis dies, falls silent, or cuts off an edge that cannot read.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { until } from '../../integration/harness/until.ts';
import type { Run, Scenario } from '../framework/scenario.ts';
import type { FaultStack } from '../framework/stacks.ts';
import type { FaultyProxy } from '../proxy/faulty-proxy.ts';

const isLane = (opening: string): boolean => /ssubscribe/i.test(opening);
/** Less than a second of the lane, so that a stalled edge is over it soon. */
const SMALL_BUFFER_LIMIT = 'pubsub 512kb 256kb 1';
const USUAL_BUFFER_LIMIT = 'pubsub 256mb 64mb 10';
const DROPPED_TIMEOUT_MS = 60_000;

export const redisKill: Scenario = {
  id: 'R4',
  title: 'kill -9 of Redis, 5 times',
  async run(run) {
    const stack = await run.stack();
    const service = await run.service(stack, { workers: 2, edges: 2 });
    const load = await run.workload(service);
    const pausesMs: number[] = [];
    for (let kill = 0; kill < (run.isShort ? 3 : 5); kill++) {
      await stack.services.kill('redis');
      await sleep(run.random.between(0, 1500));
      await stack.services.start('redis');
      pausesMs.push(await load.progress());
    }
    run.note(`all had events again ${pausesMs.map((ms) => (ms / 1000).toFixed(1)).join(', ')} s after Redis was back`);
    return load.settle();
  },
};

export const silentLane: Scenario = {
  id: 'R5',
  title: "an edge's lane is subscribed and connected, and nothing arrives on it",
  async run(run) {
    const stack = await run.stack();
    const { proxy, service } = await serviceWithProxiedEdge(run, stack);
    const load = await run.workload(service);
    const pausesMs: number[] = [];
    for (let time = 0; time < (run.isShort ? 1 : 4); time++) {
      const starved = proxy.setSome({
        matches: isLane,
        conditions: { flow: 'swallow' },
        directions: ['toClient'],
        alsoNew: false,
      });
      if (starved === 0) run.problem('there was no lane to starve');
      pausesMs.push(await load.progress());
    }
    run.note(`all had events again after ${pausesMs.map((ms) => (ms / 1000).toFixed(1)).join(', ')} s`);
    return load.settle();
  },
};

export const stalledLane: Scenario = {
  id: 'R6',
  title: "an edge's lane stalls until Redis drops it for its output buffer",
  async run(run) {
    const stack = await run.stack();
    const { proxy, service } = await serviceWithProxiedEdge(run, stack);
    const redis = new Redis(stack.env.MDS_REDIS_URL ?? '', { maxRetriesPerRequest: 1 });
    run.atEnd(() => redis.quit());
    const limit = (value: string): Promise<unknown> => redis.config('SET', 'client-output-buffer-limit', value);
    run.atEnd(() => limit(USUAL_BUFFER_LIMIT));
    const everything = { cel: '', matches: () => true };
    const load = await run.workload(service, { eventsPerSecond: 6000, filters: [everything] });
    for (let time = 0; time < 2; time++) {
      const droppedBefore = droppedClients(stack);
      const stalledMs = performance.now();
      await limit(SMALL_BUFFER_LIMIT);
      const held = { flow: 'hold' } as const;
      proxy.setSome({ matches: isLane, conditions: held, directions: ['toServer', 'toClient'], alsoNew: true });
      await until('Redis to drop the stalled lane', DROPPED_TIMEOUT_MS, () => droppedClients(stack) > droppedBefore);
      run.note(`dropped after ${((performance.now() - stalledMs) / 1000).toFixed(1)} s`);
      await limit(USUAL_BUFFER_LIMIT); // the small one would not bear what is sent when all is read again
      proxy.heal();
      await load.progress();
    }
    return load.settle();
  },
};

/** One edge, whose Redis is behind a proxy; workers are not. */
async function serviceWithProxiedEdge(run: Run, stack: FaultStack) {
  const proxy: FaultyProxy = await run.proxyTo(stack.services.ports.redis);
  const service = await run.service(stack, { workers: 1, edges: 0 });
  const edge = await service.addEdge({ MDS_REDIS_URL: `redis://127.0.0.1:${proxy.port}` });
  await edge.start();
  return { proxy, service };
}

function droppedClients(stack: FaultStack): number {
  const log = readFileSync(join(stack.services.places.logs, 'redis.log'), 'utf8');
  return log.split('output buffer limits').length - 1;
}
