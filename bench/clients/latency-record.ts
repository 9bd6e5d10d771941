// Latencies gathered in an HdrHistogram, in microseconds, and given out as a result holds them.

import { build, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js';
import type { Latency } from '../result.ts';

const HIGHEST_US = 600_000_000; // ten minutes: nothing in a bench waits longer
/** Each step is half of what the one before left out, so that the tail is drawn as finely as the rest. */
const STEPS = 60;

export class LatencyRecord {
  readonly #histogram: Histogram = build({
    bitBucketSize: 64,
    highestTrackableValue: HIGHEST_US,
    numberOfSignificantValueDigits: 3,
  });

  /** @param ms below zero when two clocks differ by a little: then zero */
  record(ms: number): void {
    this.#histogram.recordValue(Math.min(HIGHEST_US, Math.max(0, Math.round(ms * 1000))));
  }

  reset(): void {
    this.#histogram.reset();
  }

  latency(): Latency {
    const { totalCount, mean, maxValue } = this.#histogram;
    const shares = new Set([0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999]);
    for (let step = 0; step < STEPS; step++) shares.add(1 - 2 ** (-step / 3));
    const shown = [...shares].filter((share) => share === 0 || totalCount * (1 - share) >= 1).sort((a, b) => a - b);
    return {
      count: totalCount,
      meanMs: mean / 1000,
      maxMs: totalCount === 0 ? 0 : maxValue / 1000,
      percentiles: shown.map((share) => [share, this.#histogram.getValueAtPercentile(share * 100) / 1000]),
      histogram: encodeIntoCompressedBase64(this.#histogram),
    };
  }
}
