// Suite `burst`: ten times the usual rate for one second. How late do events become, and how long does it take until they
// are as early as before?

import { setTimeout as delay } from 'node:timers/promises';
import { figureOnce } from '../figure.ts';
import { BenchService } from '../load/bench-service.ts';
import { TIMELINE_STEP_MS, type TimelineStep } from '../load/clients.ts';
import { LoadGenerator } from '../load/load-generator.ts';
import { latencyAt } from '../result.ts';
import type { Suite } from '../suite.ts';

const USUAL_EVENTS_PER_SECOND = 40_000;
const BURST_FACTOR = 10;
const BEFORE_SECONDS = 3;
const BURST_SECONDS = 1;
const AFTER_SECONDS = 6;
/** Steps in a row that must be as usual again. */
const CALM_STEPS = 3;

export const burstSuite: Suite = {
  name: 'burst',
  summary: 'ten times the rate for one second, and the time to recover',
  runsBy: 'full',
  run: async ({ stack, progress }) => {
    const { services } = await stack();
    const service = await BenchService.start(services, { workers: 1, edges: 1 });
    try {
      const load = await LoadGenerator.start(service, {
        topicName: 'burst',
        shape: { partitions: 4, eventsPerRecord: 200, templates: 64, cardinality: 10_000 },
        connections: 1000,
        subscriptionsPerConnection: 1,
        filters: 'distinct',
        compression: 'none',
      });
      await delay(500);
      const phase = (factor: number, seconds: number) => ({
        eventsPerSecond: USUAL_EVENTS_PER_SECOND * factor,
        seconds,
      });
      const run = await load.run({
        name: `${USUAL_EVENTS_PER_SECOND.toLocaleString('en')}/s, ten times that for a second`,
        warmup: phase(1, 8),
        phases: [phase(1, BEFORE_SECONDS), phase(BURST_FACTOR, BURST_SECONDS), phase(1, AFTER_SECONDS)],
      });
      const { timeline } = load;
      await load.end();
      const recoveryMs = recoveryOf(timeline);
      const worstMs = Math.max(...timeline.map(({ maxMs }) => maxMs));
      progress(`${run.name}: P99 ${latencyAt(run.latency, 0.99).toFixed(0)} ms, worst ${worstMs.toFixed(0)} ms`);
      progress(`recovered ${recoveryMs} ms after the burst; delivered ${run.received} of ${run.expected}`);
      return {
        config: {
          usualEventsPerSecond: USUAL_EVENTS_PER_SECOND,
          burst: `${BURST_FACTOR} times for ${BURST_SECONDS} s`,
          recovered: `mean latency of ${CALM_STEPS} steps of ${TIMELINE_STEP_MS} ms within twice the mean before`,
        },
        failures: Number.isFinite(recoveryMs) ? [] : [`not recovered ${AFTER_SECONDS} s after the burst`],
        figures: [
          figureOnce('burst.recoveryMs', 'time to recover from ten times the rate for 1 s', 'ms', 'lower', recoveryMs),
          figureOnce('burst.worstMs', 'worst delivery of the burst', 'ms', 'lower', worstMs),
        ],
        runs: [run],
        profiles: [],
      };
    } finally {
      await service.stop();
    }
  },
};

/** From the end of the burst until latencies are as before; infinite when they never are. */
export function recoveryOf(timeline: readonly TimelineStep[]): number {
  const stepsOf = (seconds: number): number => (seconds * 1000) / TIMELINE_STEP_MS;
  const before = timeline.slice(0, stepsOf(BEFORE_SECONDS));
  const usualMs = before.reduce((sum, { meanMs }) => sum + meanMs, 0) / before.length;
  const after = timeline.slice(stepsOf(BEFORE_SECONDS + BURST_SECONDS));
  const isCalm = (step: TimelineStep | undefined): boolean => step !== undefined && step.meanMs <= 2 * usualMs;
  for (let i = 0; i + CALM_STEPS <= after.length; i++) {
    if (Array.from({ length: CALM_STEPS }, (_, k) => after[i + k]).every(isCalm)) return i * TIMELINE_STEP_MS;
  }
  return Number.POSITIVE_INFINITY;
}
