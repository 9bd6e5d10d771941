// From the aggregates of series to the rows of an answer: one for each window and group. Pure.
//
//   buckets  │ 12:00 │ 12:01 │ … │ 12:04 │ 12:05 │ …        span: the longer one of a window and a bucket. What a span gives
//   span     │──── a window of 5 min ────│                   changes only with its buckets, so it is made once for each of
//                                                            their states, whatever range is asked

import type { AggregateFunction } from '../../../schemas/rollup/aggregate.ts';
import { Numbers, resultOf } from '../../../schemas/rollup/aggregate.ts';
import { DenseBins } from '../../../schemas/rollup/dense-bins.ts';
import type { Columns } from './columns.ts';
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

/** The rows of one window. */
interface WindowRows extends Aggregated {
  readonly startMs: number;
}

/** What was made of a span. */
export interface Span {
  /** Of the newest of its buckets' states. */
  readonly stamp: number;
  readonly windows: readonly WindowRows[];
  readonly size: number;
}

/** Spans of one question, by start. */
export interface KnownSpans {
  get(startMs: number): Span | undefined;
  set(startMs: number, span: Span): void;
}

const QUANTILES: readonly AggregateFunction[] = ['p50', 'p90', 'p99'];
/** Emptied after each use. */
const BINS = new DenseBins();

export interface Question {
  readonly windows: Windows;
  readonly functions: readonly AggregateFunction[];
  readonly grouping: Grouping;
}

/**
 * @param numbers of the buckets, in the same order, ascending
 * @param known what was made before for the same functions, grouping and length of windows
 */
export function aggregate(
  question: Question,
  numbers: readonly number[],
  buckets: readonly Bucket[],
  known: KnownSpans,
): Aggregated {
  const { windowMs, fromMs, toMs, level } = question.windows;
  const spanMs = Math.max(windowMs, bucketMs(level));
  const rows: AggregateRow[] = [];
  let leftOutEvents = 0;
  for (let at = 0; at < buckets.length; ) {
    const startMs = Math.floor(((numbers[at] ?? 0) * bucketMs(level)) / spanMs) * spanMs;
    const end = Math.min(buckets.length, (startMs + spanMs) / bucketMs(level) - (numbers[0] ?? 0));
    for (const window of spanOf(question, numbers, buckets, at, end, known, startMs).windows) {
      if (window.startMs < fromMs || window.startMs >= toMs) continue;
      leftOutEvents += window.leftOutEvents;
      for (const row of window.rows) rows.push(row);
    }
    at = end;
  }
  return { rows, leftOutEvents };
}

/** Of the buckets `from` to `to`. */
function spanOf(
  question: Question,
  numbers: readonly number[],
  buckets: readonly Bucket[],
  from: number,
  to: number,
  known: KnownSpans,
  startMs: number,
): Span {
  let stamp = 0;
  for (let i = from; i < to; i++) stamp = Math.max(stamp, buckets[i]?.table.stamp ?? 0);
  const before = known.get(startMs);
  if (before?.stamp === stamp) return before;
  const { windowMs, level } = question.windows;
  const columns = buckets.slice(from, to).map(({ table }) => table.columns);
  const places = new Places(columns);
  const gathered = new Map<number, Gathered>();
  for (const [i, own] of columns.entries()) {
    const bucketStartMs = (numbers[from + i] ?? 0) * bucketMs(level);
    for (let cell = 0; cell < own.size; cell++) {
      const window = Math.floor((bucketStartMs + (own.slots[cell] ?? 0) * SECOND_MS) / windowMs);
      let into = gathered.get(window);
      if (!into) {
        into = { cells: [], leftOutEvents: 0 };
        gathered.set(window, into);
      }
      gather(question.grouping, into, own, cell, places.of(i, cell));
    }
  }
  const windows = [...gathered]
    .sort(([a], [b]) => a - b)
    .map(([window, { cells, leftOutEvents }]) => {
      const windowStartMs = window * windowMs;
      return { startMs: windowStartMs, rows: rowsOf(question, windowStartMs, cells, places), leftOutEvents };
    });
  const span = { stamp, windows, size: windows.reduce((sum, { rows }) => sum + rows.length, 1) };
  known.set(startMs, span);
  return span;
}

/** A number for each cell of a span. */
class Places {
  readonly #columns: readonly Columns[];
  readonly #stride: number;

  constructor(columns: readonly Columns[]) {
    this.#columns = columns;
    this.#stride = columns.reduce((most, { size }) => Math.max(most, size), 1);
  }

  of(bucket: number, cell: number): number {
    return bucket * this.#stride + cell;
  }

  mergeInto(numbers: Numbers, bins: DenseBins | null, place: number): void {
    const bucket = Math.floor(place / this.#stride);
    const cell = place - bucket * this.#stride;
    const columns = this.#columns[bucket];
    columns?.mergeInto(numbers, cell);
    if (bins) columns?.addBins(bins, cell);
  }
}

/** Of one window. */
interface Gathered {
  /** Places of cells, by group. */
  readonly cells: (number[] | undefined)[];
  leftOutEvents: number;
}

function gather(grouping: Grouping, into: Gathered, columns: Columns, cell: number, place: number): void {
  const series = columns.series[cell] ?? OVERFLOW;
  const group = series === OVERFLOW ? grouping.overflowGroup : grouping.groupOf(series);
  if (group === null) into.leftOutEvents += columns.countOf(cell);
  if (group === null || group === NOT_ASKED) return;
  const known = into.cells[group];
  if (known) known.push(place);
  else into.cells[group] = [place];
}

function rowsOf(
  { functions, grouping, windows: { windowMs } }: Question,
  startMs: number,
  byGroup: readonly (readonly number[] | undefined)[],
  places: Places,
): AggregateRow[] {
  const bins = functions.some((name) => QUANTILES.includes(name)) ? BINS : null;
  const rows: AggregateRow[] = [];
  for (let group = 0; group < byGroup.length; group++) {
    const cells = byGroup[group];
    if (!cells) continue;
    const numbers = new Numbers();
    for (const place of cells) places.mergeInto(numbers, bins, place);
    const values: Partial<Record<AggregateFunction, number | null>> = {};
    for (const name of functions) values[name] = resultOf(name, numbers, BINS, windowMs);
    rows.push({ startMs, group: grouping.groups[group] ?? [], values });
    bins?.clear();
  }
  return rows;
}

export interface LatestRow {
  readonly group: readonly DimensionValue[];
  /** Time of the newest event with a value, or of the newest event when none has one. */
  readonly micros: number;
  readonly value: number | null;
}

/** The latest value of each group. */
export function latest(buckets: readonly Bucket[], grouping: Grouping): readonly LatestRow[] {
  const byGroup = new Map<number, Numbers>();
  for (const { columns } of buckets.map(({ table }) => table)) {
    for (let cell = 0; cell < columns.size; cell++) {
      const series = columns.series[cell] ?? OVERFLOW;
      const group = series === OVERFLOW ? NOT_ASKED : grouping.groupOf(series);
      if (group === NOT_ASKED) continue;
      let known = byGroup.get(group);
      if (!known) {
        known = new Numbers();
        byGroup.set(group, known);
      }
      columns.mergeInto(known, cell);
    }
  }
  return [...byGroup].map(([group, { values, lastMicros, last }]) => ({
    group: grouping.groups[group] ?? [],
    micros: lastMicros,
    value: values === 0 ? null : last,
  }));
}
