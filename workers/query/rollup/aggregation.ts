// From the aggregates of series to the rows of an answer: one for each window and group. Pure.

import type { AggregateFunction } from '../../../schemas/rollup/aggregate.ts';
import { Aggregate, resultOf } from '../../../schemas/rollup/aggregate.ts';
import type { DimensionValue } from './dimension.ts';
import type { Bucket } from './rollup-memory.ts';
import { bucketMs, type Windows } from './windows.ts';

const SECOND_MS = 1000;
const OVERFLOW = 0;
/** Place of a group: series that are not asked for have none. */
export const NOT_ASKED = -1;

/** Which group each series belongs to. */
export interface Grouping {
  /** Values of the groups' dimensions, by place. */
  readonly groups: readonly (readonly DimensionValue[])[];
  /** @returns NOT_ASKED when the filter does not take the series */
  groupOf(series: number): number;
  /** Null: events without a series of their own are left out, for nobody knows whether they belong to it. */
  readonly overflowGroup: number | null;
}

export interface AggregateRow {
  readonly startMs: number;
  readonly group: readonly DimensionValue[];
  readonly values: Readonly<Partial<Record<AggregateFunction, number | null>>>;
}

export interface Aggregated {
  readonly rows: readonly AggregateRow[];
  /** Events that were left out because they have no series of their own. */
  readonly leftOutEvents: number;
}

const QUANTILES: readonly AggregateFunction[] = ['p50', 'p90', 'p99'];

/**
 * @param numbers of the buckets, in the same order
 */
export function aggregate(
  windows: Windows,
  functions: readonly AggregateFunction[],
  numbers: readonly number[],
  buckets: readonly Bucket[],
  grouping: Grouping,
): Aggregated {
  const { windowMs, fromMs, toMs, level } = windows;
  const withSketch = functions.some((name) => QUANTILES.includes(name));
  /** By window, then by group. */
  const merged = new Map<number, Map<number, Aggregate>>();
  let leftOutEvents = 0;
  for (const [i, { table }] of buckets.entries()) {
    const bucketStartMs = (numbers[i] ?? 0) * bucketMs(level);
    table.forEach((series, slot, cell) => {
      const atMs = bucketStartMs + slot * SECOND_MS;
      if (atMs < fromMs || atMs >= toMs) return;
      const group = series === OVERFLOW ? grouping.overflowGroup : grouping.groupOf(series);
      if (group === null) leftOutEvents += cell.count;
      if (group === null || group === NOT_ASKED) return;
      mergeInto(merged, Math.floor(atMs / windowMs), group, cell, withSketch);
    });
  }
  const rows = [...merged]
    .sort(([a], [b]) => a - b)
    .flatMap(([window, byGroup]) =>
      [...byGroup].map(([group, cell]) => ({
        startMs: window * windowMs,
        group: grouping.groups[group] ?? [],
        values: Object.fromEntries(functions.map((name) => [name, resultOf(name, cell, windowMs)])),
      })),
    );
  return { rows, leftOutEvents };
}

function mergeInto(
  merged: Map<number, Map<number, Aggregate>>,
  window: number,
  group: number,
  cell: Aggregate,
  withSketch: boolean,
): void {
  let byGroup = merged.get(window);
  if (!byGroup) {
    byGroup = new Map();
    merged.set(window, byGroup);
  }
  let into = byGroup.get(group);
  if (!into) {
    into = new Aggregate();
    byGroup.set(group, into);
  }
  if (withSketch) into.merge(cell);
  else into.mergeNumbers(cell.count, cell.values, cell.sum, cell.min, cell.max, cell.lastMicros, cell.last);
}

export interface LatestRow {
  readonly group: readonly DimensionValue[];
  /** Time of the newest event with a value, or of the newest event when none has one. */
  readonly micros: number;
  readonly value: number | null;
}

/** The latest value of each group. */
export function latest(buckets: readonly Bucket[], grouping: Grouping): readonly LatestRow[] {
  const byGroup = new Map<number, Aggregate>();
  for (const { table } of buckets) {
    table.forEach((series, _slot, cell) => {
      const group = series === OVERFLOW ? NOT_ASKED : grouping.groupOf(series);
      if (group === NOT_ASKED) return;
      let known = byGroup.get(group);
      if (!known) {
        known = new Aggregate();
        byGroup.set(group, known);
      }
      known.mergeNumbers(cell.count, cell.values, cell.sum, cell.min, cell.max, cell.lastMicros, cell.last);
    });
  }
  return [...byGroup].map(([group, { values, lastMicros, last }]) => ({
    group: grouping.groups[group] ?? [],
    micros: lastMicros,
    value: values === 0 ? null : last,
  }));
}
