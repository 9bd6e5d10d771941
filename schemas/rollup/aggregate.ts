// What is kept of the events of one series in one window. Merging is associative and commutative, but for the last bits of
// sums, so that it does not matter which partition, flush or process an event came through.

import { Sketch } from './sketch.ts';

export const FUNCTIONS = ['count', 'sum', 'avg', 'min', 'max', 'p50', 'p90', 'p99', 'rate'] as const;
export type AggregateFunction = (typeof FUNCTIONS)[number];

const QUANTILES: Readonly<Record<'p50' | 'p90' | 'p99', number>> = { p50: 0.5, p90: 0.9, p99: 0.99 };

/** What can say a quantile of values that it has counted. */
export interface Quantiles {
  /** @param q 0 to 1 @param total of all counts, above 0 */
  quantile(q: number, total: number): number;
}

/** All but the sketch. */
export class Numbers {
  /** Events, with a value or without. */
  count = 0;
  /** Events with a finite value: what all but `count` and `rate` are about. */
  values = 0;
  sum = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  /** Time of the newest event that has a value, or else of the newest event; µs since 1970. */
  lastMicros = 0;
  /** Value of that event; 0 when `values` is 0. */
  last = 0;

  mergeNumbers(
    count: number,
    values: number,
    sum: number,
    min: number,
    max: number,
    lastMicros: number,
    last: number,
  ): void {
    this.takeLast(values, lastMicros, last);
    this.count += count;
    this.values += values;
    this.sum += sum;
    if (min < this.min) this.min = min;
    if (max > this.max) this.max = max;
  }

  /** Of two events of the same microsecond the larger value wins: an order that needs no history. */
  protected takeLast(values: number, micros: number, last: number): void {
    if (values === 0) {
      if (this.values === 0 && micros > this.lastMicros) this.lastMicros = micros;
      return;
    }
    if (this.values > 0 && (micros < this.lastMicros || (micros === this.lastMicros && last <= this.last))) return;
    this.lastMicros = micros;
    this.last = last;
  }
}

export class Aggregate extends Numbers {
  readonly sketch = new Sketch();

  /** @param value null, or not finite: the event counts, its value does not */
  add(value: number | null, micros: number): void {
    this.count += 1;
    if (value === null || !Number.isFinite(value)) {
      if (this.values === 0 && micros > this.lastMicros) this.lastMicros = micros;
      return;
    }
    this.takeLast(1, micros, value);
    this.values += 1;
    this.sum += value;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    this.sketch.add(value);
  }

  merge(other: Aggregate): void {
    this.mergeNumbers(other.count, other.values, other.sum, other.min, other.max, other.lastMicros, other.last);
    this.sketch.merge(other.sketch.keys, other.sketch.counts, 0, other.sketch.size);
  }
}

/**
 * @param bins of the same values
 * @returns null where there is no value to speak of
 */
export function resultOf(name: AggregateFunction, of: Numbers, bins: Quantiles, windowMs: number): number | null {
  if (name === 'count') return of.count;
  if (name === 'rate') return of.count / (windowMs / 1000);
  if (of.values === 0) return null;
  switch (name) {
    case 'sum':
      return of.sum;
    case 'avg':
      return of.sum / of.values;
    case 'min':
      return of.min;
    case 'max':
      return of.max;
    default:
      return Math.min(of.max, Math.max(of.min, bins.quantile(QUANTILES[name], of.values)));
  }
}
