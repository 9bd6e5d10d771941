// Suite `ceilings`: what the libraries that the tiers stand on can do by themselves, with the same bytes.

import { createLogger } from '../../platform/log.ts';
import type { Figure, SuiteResult } from '../result.ts';
import type { Suite, SuiteContext } from '../suite.ts';
import type { CeilingsData } from './ceilings/ceilings.ts';
import { measureKafka } from './ceilings/kafka.ts';
import { measureRedis } from './ceilings/redis.ts';
import { measureWebSocket } from './ceilings/websocket.ts';
import type { Spread } from './kernel/spread.ts';
import { kernelWorkload } from './kernel/workload.ts';

export const ceilingsSuite: Suite = {
  name: 'ceilings',
  summary: 'raw node-rdkafka consume, Redis sharded pub/sub and uWebSockets.js, with the same bytes',
  runsBy: 'full',
  run: runCeilings,
};

const EFFORT = {
  quick: { megabytes: 200, seconds: 1.6, repetitions: 3, frameEvents: [10] },
  full: { megabytes: 500, seconds: 5, repetitions: 5, frameEvents: [1, 10, 100] },
} as const;
const CLIENTS = 1000;
const MESSAGE_BYTES = [4096, 65_536] as const;

async function runCeilings({ size, stack, progress }: SuiteContext): Promise<Omit<SuiteResult, 'suite' | 'seconds'>> {
  const { megabytes, seconds, repetitions, frameEvents } = EFFORT[size];
  const { brokers, redisUrl } = await stack();
  const failures: string[] = [];
  const attempt = async <Ceiling>(name: string, measure: () => Promise<Ceiling>): Promise<Ceiling | null> => {
    progress(name);
    return measure().catch((error: unknown) => {
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    });
  };
  const log = createLogger('bench', 'error');
  const kafka = await attempt('node-rdkafka', () => measureKafka(brokers, log, { megabytes, repetitions }));
  const redis = [];
  for (const messageBytes of MESSAGE_BYTES) {
    const name = `Redis, ${messageBytes} bytes`;
    redis.push(await attempt(name, () => measureRedis(redisUrl, { messageBytes, megabytes, repetitions })));
  }
  const workload = kernelWorkload({ kind: 'equality', channelCount: 1000, matchesPerEvent: 0.1 });
  const eventJson = JSON.stringify(workload.event(1));
  const webSocket = await attempt('uWebSockets.js', () =>
    measureWebSocket({ clients: CLIENTS, methods: ['publish', 'loop'], frameEvents, eventJson, seconds, repetitions }),
  );
  const ceilings = { kafka, redis: redis.filter((measured) => measured !== null), webSocket: webSocket ?? [] };
  return {
    config: {
      'megabytes a run': megabytes,
      repetitions,
      clients: CLIENTS,
      'bytes of an event (JSON)': eventJson.length,
    },
    failures,
    figures: ceilingFigures(ceilings),
    runs: [],
    ceilings,
    profiles: [],
  };
}

function ceilingFigures({ kafka, redis, webSocket }: CeilingsData): Figure[] {
  const figure = (id: string, label: string, unit: string, { median, min, max }: Spread): Figure => ({
    id: `ceilings.${id}`,
    label,
    unit,
    better: 'higher',
    value: median,
    low: min,
    high: max,
  });
  return [
    ...(kafka ? [figure('kafka.events', 'node-rdkafka, batch records', 'events/s', kafka.eventsPerSecond)] : []),
    ...redis.map(({ messageBytes, megabytesPerSecond }) =>
      figure(`redis.${messageBytes}`, `Redis pub/sub, ${messageBytes} bytes`, 'MB/s', megabytesPerSecond),
    ),
    ...webSocket.map(({ method, frameEvents, deliveriesPerSecond }) =>
      figure(
        `webSocket.${method}.${frameEvents}`,
        `uWebSockets.js, ${method}, ${frameEvents} events a frame`,
        'deliveries/s',
        deliveriesPerSecond,
      ),
    ),
  ];
}
