// Suite `kernel`: events a second and core over channels, matches and kinds of filters, beside two reference programs.

import { join } from 'node:path';
import type { Figure, SuiteResult } from '../result.ts';
import type { Suite, SuiteContext } from '../suite.ts';
import type { PointResult } from './kernel/measure-point.ts';
import { GOAL_POINT, plannedPoints } from './kernel/points.ts';
import { type PointsOutcome, runPoints } from './kernel/run-points.ts';

export const kernelSuite: Suite = {
  name: 'kernel',
  summary:
    'events/s/core over channels, matches and kinds of filters, against avsc decode + every filter, + hash lookup',
  runsBy: 'quick',
  run: runKernelSuite,
};

const PROFILE_FILE = 'kernel.cpuprofile';

async function runKernelSuite({
  size,
  progress,
  directory,
}: SuiteContext): Promise<Omit<SuiteResult, 'suite' | 'seconds'>> {
  const planned = plannedPoints(size);
  const outcome = await runPoints(planned, progress, size === 'full' ? join(directory, PROFILE_FILE) : undefined);
  const goal = planned[0];
  return {
    config: {
      'events of a record': 500,
      'seconds a point': goal?.seconds ?? 0,
      'warm-up seconds': goal?.warmupSeconds ?? 0,
      repetitions: goal?.repetitions ?? 0,
      'slab bytes': 1 << 20,
    },
    failures: outcome.failures.map(({ point, message }) => `${point}: ${message}`),
    figures: kernelFigures(outcome),
    runs: [],
    kernel: outcome,
    profiles: size === 'full' ? [{ tier: 'kernel (alone)', file: PROFILE_FILE }] : [],
  };
}

function kernelFigures({ points }: PointsOutcome): Figure[] {
  const figures = points.map(({ request, kernel }): Figure => {
    const { kind, channelCount, matchesPerEvent } = request;
    return {
      id: `kernel.${kind}.${channelCount}.${matchesPerEvent}`,
      label: `kernel, ${kind}, ${channelCount.toLocaleString('en')} channels, ${matchesPerEvent} matches/event`,
      unit: 'events/s/core',
      better: 'higher',
      value: kernel.perCore.median,
      low: kernel.perCore.min,
      high: kernel.perCore.max,
    };
  });
  return [...figures, ...ratioFigures(points)];
}

function ratioFigures(points: readonly PointResult[]): Figure[] {
  const at = (channelCount: number): PointResult | undefined =>
    points.find(
      ({ request }) =>
        request.kind === GOAL_POINT.kind &&
        request.matchesPerEvent === GOAL_POINT.matchesPerEvent &&
        request.channelCount === channelCount,
    );
  const [goal, many] = [at(GOAL_POINT.channelCount), at(20_000)];
  const figures: Figure[] = [];
  if (goal && many)
    figures.push(ratio('kernel.manyChannels', '20,000 channels against 1,000', many.kernel, goal.kernel));
  for (const { request, kernel, everyFilter } of points) {
    const isShape =
      request.channelCount === GOAL_POINT.channelCount && request.matchesPerEvent === GOAL_POINT.matchesPerEvent;
    if (!isShape || !everyFilter) continue;
    const label = `kernel against avsc decode + every filter, ${request.kind}`;
    figures.push(ratio(`kernel.againstEveryFilter.${request.kind}`, label, kernel, everyFilter));
  }
  return figures;
}

type Speed = PointResult['kernel'];

function ratio(id: string, label: string, { perCore: a }: Speed, { perCore: b }: Speed): Figure {
  const [low, high] = [a.min / b.max, a.max / b.min];
  return { id, label, unit: '×', better: 'higher', value: a.median / b.median, low, high };
}
