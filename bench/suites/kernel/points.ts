// Which points of the grid (channels × matches × kinds) the kernel suite measures: every kind at the figure's point, the
// sweep over channels at 0.1 matches, the sweep over matches at 1,000 channels, and the corners between for the map.

import { FILTER_KINDS, type WorkloadShape } from './workload.ts';

export interface PlannedPoint extends WorkloadShape {
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly repetitions: number;
  /** 0: no reference programs here; with many channels they take minutes and say nothing new. */
  readonly referenceSeconds: number;
}

export const CHANNEL_COUNTS = [10, 100, 1000, 20_000, 100_000] as const;
export const MATCH_RATES = [0.01, 0.1, 1, 10] as const;
/** The point at which the issue states its figures. */
export const GOAL_POINT = {
  kind: 'equality',
  channelCount: 1000,
  matchesPerEvent: 0.1,
} as const satisfies WorkloadShape;

export function plannedPoints(size: 'quick' | 'full'): PlannedPoint[] {
  const shapes = size === 'quick' ? quickShapes() : fullShapes();
  return shapes.map((shape) => ({ ...shape, ...effort(shape, size) }));
}

function quickShapes(): WorkloadShape[] {
  const { channelCount, matchesPerEvent } = GOAL_POINT;
  return [
    ...FILTER_KINDS.map((kind) => ({ kind, channelCount, matchesPerEvent })),
    { ...GOAL_POINT, channelCount: 20_000 },
  ];
}

function fullShapes(): WorkloadShape[] {
  const { channelCount, matchesPerEvent } = GOAL_POINT;
  const shapes: WorkloadShape[] = [
    ...FILTER_KINDS.map((kind) => ({ kind, channelCount, matchesPerEvent })),
    ...CHANNEL_COUNTS.map((count) => ({ ...GOAL_POINT, channelCount: count })),
    ...[10, 100, 20_000].map((count) => ({ kind: 'mixed' as const, channelCount: count, matchesPerEvent })),
    ...MATCH_RATES.map((rate) => ({ ...GOAL_POINT, matchesPerEvent: rate })),
    ...[100, 20_000].flatMap((count) =>
      [0.01, 1].map((rate) => ({ ...GOAL_POINT, channelCount: count, matchesPerEvent: rate })),
    ),
    ...(['range', 'prefix', 'labels', 'residual'] as const).map((kind) => ({
      kind,
      channelCount: 20_000,
      matchesPerEvent,
    })),
  ];
  const seen = new Set<string>();
  return shapes.filter((shape) => {
    const key = JSON.stringify([shape.kind, shape.channelCount, shape.matchesPerEvent]);
    return !seen.has(key) && seen.add(key);
  });
}

/** More channels than this and asking every filter in turn takes milliseconds an event. */
const REFERENCE_CHANNELS = 1000;

function effort({ channelCount, kind, matchesPerEvent }: WorkloadShape, size: 'quick' | 'full') {
  const isGoal =
    kind === GOAL_POINT.kind &&
    channelCount === GOAL_POINT.channelCount &&
    matchesPerEvent === GOAL_POINT.matchesPerEvent;
  const hasReference = isGoal || (size === 'full' && channelCount <= REFERENCE_CHANNELS);
  return {
    seconds: size === 'quick' ? 0.8 : isGoal ? 3 : 1.5,
    warmupSeconds: isGoal ? 1 : 0.5,
    repetitions: 5,
    referenceSeconds: hasReference ? (isGoal && size === 'full' ? 1 : 0.4) : 0,
  };
}
