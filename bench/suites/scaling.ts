// Suite `scaling`: the same load on 1 and 2 workers, 1 and 2 edges. On one machine they are not faster together, but what a
// million events cost must stay the same, or more of them would not help on more machines either.

import { BenchService } from '../load/bench-service.ts';
import { LoadGenerator } from '../load/load-generator.ts';
import type { Figure, LoadRun } from '../result.ts';
import type { Suite, SuiteContext } from '../suite.ts';

const EVENTS_PER_SECOND = 100_000;
const SIZES = [
  { workers: 1, edges: 1 },
  { workers: 2, edges: 1 },
  { workers: 1, edges: 2 },
  { workers: 2, edges: 2 },
] as const;
const WARMUP_SECONDS = 6;
const MEASURED_SECONDS = { quick: 4, full: 8 } as const;

export const scalingSuite: Suite = {
  name: 'scaling',
  summary: '1 and 2 workers, 1 and 2 edges: CPU-seconds per million events',
  runsBy: 'full',
  run: async (context) => {
    const runs: LoadRun[] = [];
    for (const size of context.size === 'quick' ? [SIZES[0], SIZES[3]] : SIZES) runs.push(await runOf(size, context));
    const figures = runs.map((run): Figure => {
      const value = costOf(run);
      const id = `scaling.${run.name.replaceAll(/\W+/g, '-')}`;
      return {
        id,
        label: `CPU of workers, edges and Redis, ${run.name}`,
        unit: 'CPU-s per million events',
        better: 'lower',
        value,
        low: value,
        high: value,
      };
    });
    const [first, last] = [figures[0]?.value ?? 0, figures.at(-1)?.value ?? 0];
    figures.push({
      id: 'scaling.ratio',
      label: 'cost on 2 workers and 2 edges, of that on 1 and 1',
      unit: 'ratio',
      better: 'lower',
      value: last / first,
      low: last / first,
      high: last / first,
    });
    return {
      config: {
        eventsPerSecond: EVENTS_PER_SECOND,
        connections: 1000,
        filters: '1,000 different',
        counted: 'worker, kernel, Redis, edge',
      },
      failures: [],
      figures,
      runs,
      profiles: [],
    };
  },
};

async function runOf(size: (typeof SIZES)[number], { stack, progress, ...context }: SuiteContext): Promise<LoadRun> {
  const { services } = await stack();
  const service = await BenchService.start(services, size);
  try {
    const load = await LoadGenerator.start(service, {
      topicName: `scaling-${size.workers}-${size.edges}`,
      shape: { partitions: 4, eventsPerRecord: 200, templates: 64, cardinality: 10_000 },
      connections: 1000,
      subscriptionsPerConnection: 1,
      filters: 'distinct',
      compression: 'none',
    });
    const run = await load.run({
      name: `${size.workers} workers, ${size.edges} edges`,
      warmup: { eventsPerSecond: EVENTS_PER_SECOND, seconds: WARMUP_SECONDS },
      phases: [{ eventsPerSecond: EVENTS_PER_SECOND, seconds: MEASURED_SECONDS[context.size] }],
    });
    await load.end();
    progress(
      `${run.name}: ${costOf(run).toFixed(2)} CPU-s per million events, delivered ${run.received} of ${run.expected}`,
    );
    return run;
  } finally {
    await service.stop();
  }
}

/** CPU-seconds of the service for a million events taken. */
function costOf({ cpuSeconds, achievedEventsPerSecond, seconds }: LoadRun): number {
  const { workerMain = 0, kernel = 0, redis = 0, edge = 0 } = cpuSeconds;
  return (workerMain + kernel + redis + edge) / ((achievedEventsPerSecond * seconds) / 1e6);
}
