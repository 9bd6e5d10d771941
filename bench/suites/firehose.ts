// Suite `firehose`: batch records, many subscribers with a filter of their own each, one delivery for ten events. The highest
// rate at which 99 in 100 deliveries take less than 20 ms, and the rate at which the service can take no more.

import { BenchService } from '../load/bench-service.ts';
import type { LoadShape } from '../load/events.ts';
import { LoadGenerator, type LoadSetting } from '../load/load-generator.ts';
import { highestRate, saturatedRate } from '../load/rate-search.ts';
import type { Figure, LoadRun } from '../result.ts';
import type { Suite, SuiteContext } from '../suite.ts';

const LIMIT_MS = 20;
const PARTITIONS = 4;

interface Variant {
  readonly id: string;
  readonly title: string;
  readonly connections: number;
  readonly subscriptionsPerConnection: number;
  readonly shape: LoadShape;
}

const VARIANTS: readonly Variant[] = [
  {
    id: 'firehose',
    title: '1,000 filters',
    connections: 1000,
    subscriptionsPerConnection: 1,
    shape: { partitions: PARTITIONS, eventsPerRecord: 500, templates: 64, cardinality: 10_000 },
  },
  {
    id: 'firehose20k',
    title: '20,000 filters',
    connections: 1000,
    subscriptionsPerConnection: 20,
    shape: { partitions: PARTITIONS, eventsPerRecord: 500, templates: 64, cardinality: 200_000 },
  },
];

export const firehoseSuite: Suite = {
  name: 'firehose',
  summary: '1,000 and 20,000 different filters on 1,000 connections, a delivery for ten events',
  isDefault: true,
  run: async (context) => {
    const { services } = await context.stack();
    const service = await BenchService.start(services, { workers: 1, edges: 1 });
    const runs: LoadRun[] = [];
    const figures: Figure[] = [];
    try {
      for (const variant of VARIANTS) {
        if (context.size === 'quick' && variant.id !== 'firehose') continue;
        const found = await measure(service, variant, context);
        runs.push(...found.runs);
        figures.push(...found.figures);
      }
    } finally {
      await service.stop();
    }
    return {
      config: {
        connections: 1000,
        partitions: PARTITIONS,
        eventsPerRecord: 500,
        limitMs: LIMIT_MS,
        workers: 1,
        edges: 1,
        filters: '40 % host, 30 % service and severity, 20 % label, 10 % range of values',
        warmup: '2 s before each rate, 10 s before the first',
      },
      failures: [],
      figures,
      runs,
      profiles: [],
    };
  },
};

async function measure(service: BenchService, variant: Variant, { size, progress }: SuiteContext) {
  const { id, title, shape, connections, subscriptionsPerConnection } = variant;
  const setting: LoadSetting = {
    topicName: id,
    shape,
    connections,
    subscriptionsPerConnection,
    filters: 'distinct',
    compression: 'none',
  };
  const load = await LoadGenerator.start(service, setting);
  try {
    progress(`${title}: ${connections * subscriptionsPerConnection} subscriptions are live`);
    const search = { title, limitMs: LIMIT_MS, from: 50_000, steps: size === 'quick' ? 5 : 8, progress };
    const found = await highestRate(load, search);
    const saturated = await saturatedRate(load, found, { title, progress });
    const figures: Figure[] = [
      figure(`${id}.eventsPerSecond`, `${title}: highest rate with P99 < ${LIMIT_MS} ms`, found.best),
      figure(`${id}.saturatedEventsPerSecond`, `${title}: saturated rate`, saturated.eventsPerSecond),
    ];
    return { runs: [...found.runs, saturated.run], figures };
  } finally {
    await load.end();
  }
}

const figure = (id: string, label: string, value: number): Figure => ({
  id,
  label,
  unit: 'events/s',
  better: 'higher',
  value,
  low: value,
  high: value,
});
