// Values and aggregates for tests of rollups.

import fc from 'fast-check';
import { Aggregate } from '../../../schemas/rollup/aggregate.ts';

export interface Reading {
  readonly value: number | null;
  readonly micros: number;
}

/** Whole numbers, whose sums are exact in any order, over many magnitudes. */
export const anyReading: fc.Arbitrary<Reading> = fc.record({
  value: fc.oneof(
    fc.integer({ min: -1_000_000, max: 1_000_000 }),
    fc.integer({ min: 0, max: 40 }).map((exponent) => 2 ** exponent),
    fc.constant(0),
    fc.constant(null),
  ),
  micros: fc.integer({ min: 1, max: 59_999_999 }),
});

export function aggregateOf(readings: readonly Reading[], startMicros = 0): Aggregate {
  const aggregate = new Aggregate();
  for (const { value, micros } of readings) aggregate.add(value, startMicros + micros);
  return aggregate;
}

/** Everything that an aggregate says. */
export function shown(of: Aggregate) {
  const { count, values, sum, min, max, last, lastMicros, sketch } = of;
  const bins = Array.from(sketch.keys.subarray(0, sketch.size), (key, place) => [key, sketch.counts[place]]);
  return { count, values, sum, min, max, last, lastMicros, bins };
}
