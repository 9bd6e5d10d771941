// Suites that ask how much: each variant is a load whose highest bearable and saturated rates are searched for.

import { figureOnce } from '../figure.ts';
import type { Figure, LoadRun, Profile } from '../result.ts';
import type { Suite, SuiteContext } from '../suite.ts';
import { BenchService } from './bench-service.ts';
import { LoadGenerator, type LoadSetting } from './load-generator.ts';
import { profilesIn } from './profiles.ts';
import { highestRate, saturatedRate } from './rate-search.ts';

/** The user's gate: 99 in 100 deliveries within 20 ms of their intended time. */
export const LIMIT_MS = 20;

export interface RateVariant {
  /** Begins the ids of its figures. */
  readonly id: string;
  readonly title: string;
  /** Left out of `make bench-quick`. */
  readonly isFullOnly?: boolean;
  readonly load: Omit<LoadSetting, 'topicName'>;
  /** First rate, events/s. */
  readonly from: number;
  /** What the figures count: 1 for events, the number of subscribers for deliveries. */
  readonly perEvent: number;
  readonly unit: 'events/s' | 'deliveries/s';
  readonly figure: string;
}

export interface RateSuiteOptions {
  readonly name: string;
  readonly summary: string;
  readonly runsBy: Suite['runsBy'];
  readonly variants: readonly RateVariant[];
  readonly config: Readonly<Record<string, string | number>>;
}

const STEPS = { quick: 4, full: 8 } as const;

export function rateSuite({ name, summary, runsBy, variants, config }: RateSuiteOptions): Suite {
  return {
    name,
    summary,
    runsBy,
    run: async (context) => {
      const runs: LoadRun[] = [];
      const figures: Figure[] = [];
      const profiles: Profile[] = [];
      const { services } = await context.stack();
      const profileTo = context.settings.PROFILE === '1' ? `${context.directory}/profiles-${name}` : undefined;
      const size = { workers: 1, edges: 1, ...(profileTo === undefined ? {} : { profileTo }) };
      const service = await BenchService.start(services, size);
      try {
        for (const variant of variants) {
          if (context.size === 'quick' && variant.isFullOnly) continue;
          const found = await measure(service, variant, context);
          runs.push(...found.runs);
          figures.push(...found.figures);
        }
      } finally {
        await service.stop();
        if (profileTo !== undefined) profiles.push(...profilesIn(profileTo, context.directory));
      }
      return { config: { ...COMMON, ...config }, failures: [], figures, runs, profiles };
    },
  };
}

const COMMON = {
  workers: 1,
  edges: 1,
  limitMs: LIMIT_MS,
  latency: 'open loop, from the intended time of sending',
  warmup: '10 s before the first rate, 1.5 s before each other; then 4 s are measured',
};

async function measure(service: BenchService, variant: RateVariant, { size, progress }: SuiteContext) {
  const { id, title, load: setting, from, perEvent, unit, figure } = variant;
  const load = await LoadGenerator.start(service, { ...setting, topicName: id });
  try {
    progress(`${title}: ${setting.connections * setting.subscriptionsPerConnection} subscriptions are live`);
    const found = await highestRate(load, { title, limitMs: LIMIT_MS, from, steps: STEPS[size], progress });
    const saturated = await saturatedRate(load, found, { title, progress });
    const figures = [
      figureOnce(`${id}.${figure}`, `${title}: most with P99 < ${LIMIT_MS} ms`, unit, 'higher', found.best * perEvent),
      figureOnce(`${id}.saturated`, `${title}: saturated`, unit, 'higher', saturated.eventsPerSecond * perEvent),
    ];
    return { runs: [...found.runs, ...saturated.runs], figures };
  } finally {
    await load.end();
  }
}
