// A result as suites would write it, for tests of what reads results.

import type { Figure, Latency, LoadRun, Result, SuiteResult } from '../../bench/result.ts';

export const aFigure = (given: Partial<Figure> & Pick<Figure, 'id' | 'value'>): Figure => ({
  label: given.id,
  unit: 'events/s',
  better: 'higher',
  low: given.value * 0.95,
  high: given.value * 1.05,
  ...given,
});

export function aLatency(p99Ms: number): Latency {
  const percentiles = [
    [0.5, p99Ms / 4],
    [0.9, p99Ms / 2],
    [0.99, p99Ms],
    [0.999, p99Ms * 2],
  ] as const;
  return { count: 10_000, meanMs: p99Ms / 3, maxMs: p99Ms * 3, percentiles, histogram: '' };
}

export function aRun(given: Partial<LoadRun> & { readonly rate: number }): LoadRun {
  const { rate, ...run } = given;
  const seconds = 10;
  const produced = rate * seconds;
  const matches = run.matches ?? produced * 0.1;
  const deliveries = run.received ?? matches;
  const [megabytesIn, laneMegabytes, clientMegabytes] = [produced * 180e-6, matches * 300e-6, deliveries * 260e-6];
  return {
    name: `${rate}/s`,
    offeredEventsPerSecond: rate,
    achievedEventsPerSecond: rate,
    deliveriesPerSecond: deliveries / seconds,
    warmupSeconds: 2,
    seconds,
    produced,
    matches,
    expected: deliveries,
    received: deliveries,
    generatorBusyShare: 0.3,
    failures: [],
    latency: aLatency(5 + rate / 1e5),
    stages: [
      { stage: 'producer → broker', latency: aLatency(2) },
      { stage: 'broker → worker', latency: aLatency(3) },
    ],
    cpuSeconds: {
      producer: 1,
      broker: 0.3 + megabytesIn * 0.001,
      workerMain: 0.2 + megabytesIn * 0.0005 + laneMegabytes * 0.001,
      kernel: produced * 0.2e-6 + matches * 0.5e-6,
      redis: 0.1 + laneMegabytes * 0.002,
      edge: 0.1 + deliveries * 0.3e-6 + clientMegabytes * 0.0002,
      clients: 1,
    },
    peakMemoryBytes: { edge: 100e6, workerMain: 200e6 },
    megabytesIn,
    laneMegabytes,
    clientMegabytes,
    ...run,
  };
}

export const aSuite = (given: Partial<SuiteResult> & Pick<SuiteResult, 'suite'>): SuiteResult => ({
  seconds: 30,
  config: { 'warm-up seconds': 2 },
  failures: [],
  figures: [],
  runs: [],
  profiles: [],
  ...given,
});

export const aResult = (given: Partial<Result> = {}): Result => ({
  formatVersion: 1,
  startedAt: '2026-01-31T12:00:00.000Z',
  seconds: 100,
  size: 'full',
  machine: { cpu: 'a processor', cores: 2, memoryBytes: 16e9, system: 'Linux 6', loadBefore: 0.1 },
  versions: { node: '22.18.0' },
  git: { revision: '0123456789abcdef', changed: false },
  suites: [],
  ...given,
});
