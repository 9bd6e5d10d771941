// The part of a report on a suite that puts load through the whole service, or through a peer.

import { type Latency, type LoadRun, latencyAt, type SuiteResult, TIERS, type Tier } from '../result.ts';
import type { BarsBlock, Block, Cell, LinesBlock, Section } from './blocks.ts';
import { byteCount, duration, shortNumber } from './numbers.ts';

/** The latency that the figures are asked at. */
const GOAL_P99_MS = 20;
/** More curves than this in one chart and none can be followed. */
const MAX_CURVES = 6;

const TIER_NAMES: Readonly<Record<Tier, string>> = {
  producer: 'producer',
  broker: 'broker',
  workerMain: 'worker, main thread',
  kernel: 'worker, kernel threads',
  redis: 'Redis',
  edge: 'edge',
  clients: 'clients',
};

export function loadSection({ suite, config, runs, failures }: SuiteResult): Section {
  const settings = Object.entries(config).map(([name, value]) => `${name}: ${value}`);
  return {
    id: suite,
    title: suite,
    intro: `Open loop: latency counts from when an event was to be sent. ${settings.join(' · ')}`,
    failures: [...failures, ...runs.flatMap((run) => run.failures.map((failure) => `${run.name}: ${failure}`))],
    blocks:
      runs.length === 0
        ? []
        : [
            percentileCurves(runs),
            ...rateCurve(runs),
            cpuBars(runs),
            ...stageBars(runs),
            ...memoryBars(runs),
            runTable(runs),
          ],
  };
}

function percentileCurves(runs: readonly LoadRun[]): LinesBlock {
  const shown = runs.length <= MAX_CURVES ? runs : evenly(runs, MAX_CURVES);
  return {
    kind: 'lines',
    title: 'Latency, producer to client',
    x: { label: 'share of the deliveries', scale: 'nines', unit: 'percent' },
    y: { label: 'latency', scale: 'log', unit: 'ms' },
    series: shown.map(({ name, latency }) => ({
      label: name,
      points: latency.percentiles.filter(([share, ms]) => share < 1 && ms > 0),
    })),
    goal: { y: GOAL_P99_MS, label: `${GOAL_P99_MS} ms` },
  };
}

/** Only where there is more than one rate. */
function rateCurve(runs: readonly LoadRun[]): LinesBlock[] {
  const byRate = [...runs].sort((a, b) => a.achievedEventsPerSecond - b.achievedEventsPerSecond);
  if (new Set(runs.map(({ offeredEventsPerSecond }) => offeredEventsPerSecond)).size < 2) return [];
  const line = (label: string, share: number) => ({
    label,
    points: byRate.map((run) => [run.achievedEventsPerSecond, latencyAt(run.latency, share)] as const),
  });
  return [
    {
      kind: 'lines',
      title: 'Rate and latency',
      x: { label: 'events/s', scale: 'linear', unit: 'number' },
      y: { label: 'latency', scale: 'log', unit: 'ms' },
      series: [line('median', 0.5), line('P99', 0.99), line('P99.9', 0.999)],
      goal: { y: GOAL_P99_MS, label: `${GOAL_P99_MS} ms` },
    },
  ];
}

function cpuBars(runs: readonly LoadRun[]): BarsBlock {
  return {
    kind: 'bars',
    title: 'CPU by tier, cores',
    note: 'CPU time of each tier over the time of the run; the load generator (producer, clients) is part of the machine too.',
    unit: 'number',
    parts: TIERS.map((tier) => TIER_NAMES[tier]),
    bars: runs.map((run) => ({
      label: run.name,
      values: TIERS.map((tier) => (run.cpuSeconds[tier] ?? 0) / run.seconds),
    })),
  };
}

function stageBars(runs: readonly LoadRun[]): BarsBlock[] {
  const stages = runs.find((run) => run.stages.length > 0)?.stages.map(({ stage }) => stage);
  if (!stages) return [];
  const medians = (run: LoadRun): number[] =>
    stages.map((name) => {
      const found = run.stages.find(({ stage }) => stage === name);
      return found ? latencyAt(found.latency, 0.5) : 0;
    });
  return [
    {
      kind: 'bars',
      title: 'Where the time goes, median by stage',
      note: 'Medians of stages do not add up to the median of the whole exactly.',
      unit: 'ms',
      parts: stages,
      bars: runs.filter((run) => run.stages.length > 0).map((run) => ({ label: run.name, values: medians(run) })),
    },
  ];
}

function memoryBars(runs: readonly LoadRun[]): BarsBlock[] {
  const last = runs.at(-1);
  if (!last || Object.keys(last.peakMemoryBytes).length === 0) return [];
  return [
    {
      kind: 'bars',
      title: 'Peak memory by tier',
      unit: 'bytes',
      parts: TIERS.map((tier) => TIER_NAMES[tier]),
      bars: runs.map((run) => ({ label: run.name, values: TIERS.map((tier) => run.peakMemoryBytes[tier] ?? 0) })),
    },
  ];
}

/** Of one core; above it, the generator is what was measured. */
const SATURATED_SHARE = 0.9;

function runTable(runs: readonly LoadRun[]): Block {
  return {
    kind: 'table',
    title: 'Runs',
    head: [
      'run',
      'events/s',
      'deliveries/s',
      'median',
      'P99',
      'P99.9',
      'worst',
      'delivered',
      'generator',
      'million deliveries',
      'edge memory',
    ],
    rows: runs.map(runRow),
    note: 'Generator: how busy its busiest process was, of one core.',
  };
}

function runRow(run: LoadRun): Cell[] {
  const { latency, expected, received } = run;
  const at = (share: number): string => duration(latencyAt(latency, share));
  const late = run.achievedEventsPerSecond < run.offeredEventsPerSecond * 0.98;
  return [
    run.beyond?.length ? { text: run.name, note: run.beyond.join('; '), tone: 'bad' as const } : run.name,
    {
      text: shortNumber(run.achievedEventsPerSecond),
      ...(late ? { note: `of ${shortNumber(run.offeredEventsPerSecond)} offered`, tone: 'bad' as const } : {}),
    },
    shortNumber(run.deliveriesPerSecond),
    at(0.5),
    p99(latency),
    at(0.999),
    duration(latency.maxMs),
    received === expected ? { text: 'all', tone: 'good' } : { text: `${received} of ${expected}`, tone: 'bad' },
    {
      text: `${(run.generatorBusyShare * 100).toFixed(0)} %`,
      ...(run.generatorBusyShare > SATURATED_SHARE ? { tone: 'bad' as const } : {}),
    },
    shortNumber(received / 1e6),
    run.peakMemoryBytes.edge === undefined ? '–' : byteCount(run.peakMemoryBytes.edge),
  ];
}

function p99(latency: Latency): Cell {
  const ms = latencyAt(latency, 0.99);
  return { text: duration(ms), tone: ms < GOAL_P99_MS ? 'good' : 'bad' };
}

function evenly<Item>(items: readonly Item[], count: number): Item[] {
  const step = (items.length - 1) / (count - 1);
  return Array.from({ length: count }, (_, i) => items[Math.round(i * step)]).filter((item) => item !== undefined);
}
