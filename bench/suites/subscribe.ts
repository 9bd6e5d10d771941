// Suite `subscribe`: a thousand subscriptions a second, each with a filter of its own, come and go while events flow. How long
// until one is live, and does it begin exactly where it says?

import { setTimeout as delay } from 'node:timers/promises';
import { figureOnce } from '../figure.ts';
import { BenchService } from '../load/bench-service.ts';
import type { ChurnAnswer, ChurnSetting } from '../load/churn.ts';
import { nowUs } from '../load/histograms.ts';
import { LoadGenerator } from '../load/load-generator.ts';
import { latencyAt } from '../result.ts';
import type { Suite } from '../suite.ts';
import { Part } from './ceilings/part.ts';

const PER_SECOND = 1000;
const WARMUP_SECONDS = 4;
const MEASURED_SECONDS = { quick: 5, full: 10 } as const;
const EVENTS_PER_SECOND = 50_000;
const LIFE_MS = 1000;
const SHAPE = { partitions: 4, eventsPerRecord: 200, templates: 64, cardinality: 10_000 };

export const subscribeSuite: Suite = {
  name: 'subscribe',
  summary: 'subscribe and unsubscribe 1,000 times a second under load',
  runsBy: 'quick',
  run: async ({ stack, size, progress }) => {
    const { services } = await stack();
    const service = await BenchService.start(services, { workers: 1, edges: 1 });
    const parts: Part[] = [];
    try {
      const load = await LoadGenerator.start(service, {
        topicName: 'subscribe',
        shape: SHAPE,
        connections: 100,
        subscriptionsPerConnection: 1,
        filters: 'distinct',
        compression: 'none',
      });
      const setting: ChurnSetting = {
        port: service.edgePort(0),
        topic: 'subscribe',
        shape: SHAPE,
        connections: 40,
        lifeMs: LIFE_MS,
      };
      const part = new Part(new URL('../load/churn-part.ts', import.meta.url), setting);
      parts.push(part);
      await part.answer('ready');
      const seconds = WARMUP_SECONDS + MEASURED_SECONDS[size];
      const running = load.run({
        name: `${EVENTS_PER_SECOND.toLocaleString('en')}/s while ${PER_SECOND} subscriptions/s come and go`,
        warmup: { eventsPerSecond: EVENTS_PER_SECOND, seconds: WARMUP_SECONDS },
        phases: [{ eventsPerSecond: EVENTS_PER_SECOND, seconds: MEASURED_SECONDS[size] + LIFE_MS / 1000 + 1 }],
      });
      await delay(500);
      part.send({
        kind: 'run',
        startUs: nowUs(),
        perSecond: PER_SECOND,
        count: seconds * PER_SECOND,
        measuredFrom: WARMUP_SECONDS * PER_SECOND,
      });
      const run = await running;
      const churn = (await part.answer('done')) as unknown as ChurnAnswer; // from churn-part.ts
      await load.end();
      const [p50, p99] = [latencyAt(churn.latency, 0.5), latencyAt(churn.latency, 0.99)];
      progress(`${churn.subscribed} of ${churn.asked} subscribed, P50 ${p50.toFixed(1)} ms, P99 ${p99.toFixed(1)} ms`);
      progress(`${churn.events} events on them: ${churn.lost} missing, ${churn.unexpected} out of place`);
      const failures = [...churn.failures];
      if (churn.lost + churn.unexpected > 0)
        failures.push(`${churn.lost} events were missing and ${churn.unexpected} out of place`);
      if (churn.subscribed < churn.asked)
        failures.push(`${churn.asked - churn.subscribed} subscriptions never became live`);
      return {
        config: {
          subscriptionsPerSecond: PER_SECOND,
          eachLivesMs: LIFE_MS,
          eventsPerSecond: EVENTS_PER_SECOND,
          connections: 40,
          filters: 'each one is new to the service',
        },
        failures,
        figures: [
          figureOnce('subscribe.p50Ms', 'subscribe → live, P50', 'ms', 'lower', p50),
          figureOnce('subscribe.p99Ms', 'subscribe → live, P99', 'ms', 'lower', p99),
        ],
        runs: [run],
        profiles: [],
      };
    } finally {
      await Promise.all(parts.map((part) => part.end()));
      await service.stop();
    }
  },
};
