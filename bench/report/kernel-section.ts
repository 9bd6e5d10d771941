// The kernel suite's part of a report: the map of channels × matches, the sweeps, and the reference programs beside it.

import type { PointResult } from '../suites/kernel/measure-point.ts';
import { CHANNEL_COUNTS, GOAL_POINT, MATCH_RATES } from '../suites/kernel/points.ts';
import { FILTER_KINDS } from '../suites/kernel/workload.ts';
import type { Block, Cell, LinesBlock, Section, Series } from './blocks.ts';
import { shortNumber } from './numbers.ts';

export interface KernelFailure {
  readonly point: string;
  readonly message: string;
}

export function kernelSection(points: readonly PointResult[], failures: readonly KernelFailure[]): Section {
  return {
    id: 'kernel',
    title: 'Kernel',
    intro:
      'Events per second of one core: batch records of 500 MonitoringEvents in, matched against every channel, each match ' +
      'written as JSON into a lane envelope. One process with the kernel alone; the CPU time is that of the whole process, ' +
      'garbage collection included. Every point first had its matches compared, channel by channel and text by text, with ' +
      'those of avsc and the filter evaluator.',
    failures: failures.map(({ point, message }) => `${point}: ${message}`),
    blocks: points.length === 0 ? [] : [...sweeps(points), heat(points), kindTable(points), pointTable(points)],
  };
}

const rateOf = ({ kernel }: PointResult): number => kernel.perCore.median;
const EVENTS_AXIS = { label: 'events/s/core', scale: 'log', unit: 'number' } as const;

function sweeps(points: readonly PointResult[]): Block[] {
  const byChannels = FILTER_KINDS.map(
    (kind): Series => ({
      label: kind,
      points: points
        .filter(({ request }) => request.kind === kind && request.matchesPerEvent === GOAL_POINT.matchesPerEvent)
        .map((point) => [point.request.channelCount, rateOf(point)] as const)
        .sort(byX),
    }),
  );
  const goalRate = points.filter(
    ({ request }) => request.kind === GOAL_POINT.kind && request.matchesPerEvent === GOAL_POINT.matchesPerEvent,
  );
  const goalKind = points.filter(
    ({ request }) => request.kind === GOAL_POINT.kind && request.channelCount === GOAL_POINT.channelCount,
  );
  const byMatches: Series = {
    label: 'kernel',
    points: goalKind.map((point) => [point.request.matchesPerEvent, rateOf(point)] as const).sort(byX),
  };
  const charts: LinesBlock[] = [
    {
      kind: 'lines',
      title: `More channels, ${GOAL_POINT.matchesPerEvent} matches an event`,
      x: { label: 'channels', scale: 'log', unit: 'number' },
      y: EVENTS_AXIS,
      series: [
        ...byChannels.filter((series) => series.points.length > 0),
        ...referenceSeries(goalRate, ({ channelCount }) => channelCount),
      ],
    },
    {
      kind: 'lines',
      title: `More matches, ${shortNumber(GOAL_POINT.channelCount)} channels, equality`,
      x: { label: 'matches an event', scale: 'log', unit: 'number' },
      y: EVENTS_AXIS,
      series: [byMatches, ...referenceSeries(goalKind, ({ matchesPerEvent }) => matchesPerEvent)],
    },
  ];
  return charts.filter(({ series }) => series.some((line) => line.points.length > 1));
}

const byX = (a: readonly [number, number], b: readonly [number, number]): number => a[0] - b[0];

/** The reference programs, at the points of one sweep. */
function referenceSeries(points: readonly PointResult[], xOf: (request: PointResult['request']) => number): Series[] {
  const line = (label: string, speedOf: (point: PointResult) => PointResult['everyFilter']): Series => ({
    label,
    reference: true,
    points: points
      .flatMap((point) => {
        const speed = speedOf(point);
        return speed ? [[xOf(point.request), speed.perCore.median] as const] : [];
      })
      .sort(byX),
  });
  return [
    line('avsc + hash lookup', ({ hashLookup }) => hashLookup),
    line('avsc + every filter', ({ everyFilter }) => everyFilter),
  ].filter(({ points: measured }) => measured.length > 0);
}

function heat(points: readonly PointResult[]): Block {
  const cell = (channelCount: number, matchesPerEvent: number): number | null => {
    const found = points.find(
      ({ request }) =>
        request.kind === GOAL_POINT.kind &&
        request.channelCount === channelCount &&
        request.matchesPerEvent === matchesPerEvent,
    );
    return found ? rateOf(found) : null;
  };
  return {
    kind: 'heat',
    title: 'Events/s/core, equality filters',
    unit: 'number',
    rowLabel: 'channels',
    columnLabel: 'matches an event',
    rows: CHANNEL_COUNTS.map(shortNumber),
    columns: MATCH_RATES.map(String),
    cells: CHANNEL_COUNTS.map((count) => MATCH_RATES.map((rate) => cell(count, rate))),
  };
}

/** Every kind at the point of the figures. */
function kindTable(points: readonly PointResult[]): Block {
  const atGoal = points.filter(
    ({ request }) =>
      request.channelCount === GOAL_POINT.channelCount && request.matchesPerEvent === GOAL_POINT.matchesPerEvent,
  );
  return {
    kind: 'bars',
    title: `By kind of filter: ${shortNumber(GOAL_POINT.channelCount)} channels, ${GOAL_POINT.matchesPerEvent} matches an event (events/s/core)`,
    unit: 'number',
    parts: ['kernel'],
    bars: atGoal.map((point) => ({ label: point.request.kind, values: [rateOf(point)] })),
  };
}

function pointTable(points: readonly PointResult[]): Block {
  return {
    kind: 'table',
    title: 'All points',
    head: [
      'filters',
      'channels',
      'matches/event',
      'events/s/core',
      'ns/event',
      'by the clock',
      'hash lookup',
      'every filter',
      'checked',
    ],
    rows: points.map(pointRow),
    note: 'Median, and below it the lowest and highest repetition. The factors say how much faster the kernel is.',
  };
}

function pointRow(point: PointResult): Cell[] {
  const { request, kernel, nsPerEvent, everyFilter, hashLookup, checked } = point;
  const factor = (speed: PointResult['everyFilter']): Cell =>
    speed
      ? {
          text: `${shortNumber(speed.perCore.median)}/s`,
          note: `× ${shortNumber(rateOf(point) / speed.perCore.median)}`,
        }
      : { text: '–', tone: 'quiet' };
  return [
    request.kind,
    shortNumber(request.channelCount),
    { text: String(request.matchesPerEvent), note: `seen ${point.seenMatchesPerEvent.toPrecision(3)}` },
    {
      text: shortNumber(kernel.perCore.median),
      note: `${shortNumber(kernel.perCore.min)} – ${shortNumber(kernel.perCore.max)}`,
    },
    nsPerEvent.toFixed(1),
    shortNumber(kernel.perSecond.median),
    factor(hashLookup),
    factor(everyFilter),
    { text: `${shortNumber(checked.matches)} matches`, tone: 'quiet' },
  ];
}
