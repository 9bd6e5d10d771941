// Latencies as HdrHistograms in microseconds, and what the result keeps of them.

import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js';
import type { Latency } from '../result.ts';

/** 1 µs to 2 minutes with three digits; a longer wait counts as two minutes. */
const HIGHEST_US = 120_000_000;

export const newHistogram = (): Histogram =>
  build({ lowestDiscernibleValue: 1, highestTrackableValue: HIGHEST_US, numberOfSignificantValueDigits: 3 });

/** @param us below 0 (two clocks that differ by less than their resolution) counts as 0 */
export function record(histogram: Histogram, us: number, count = 1): void {
  histogram.recordValueWithCount(Math.min(HIGHEST_US, Math.max(0, Math.round(us))), count);
}

const SHARES = [0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999, 1] as const;

export function latencyOf(histogram: Histogram): Latency {
  return {
    count: histogram.totalCount,
    meanMs: histogram.totalCount === 0 ? 0 : histogram.mean / 1000,
    maxMs: histogram.totalCount === 0 ? 0 : histogram.maxValue / 1000,
    percentiles: SHARES.map((share) => [share, histogram.getValueAtPercentile(share * 100) / 1000] as const),
    histogram: encodeIntoCompressedBase64(histogram),
  };
}

/** Microseconds since 1970, finer than Date.now; all processes of one machine share the clock within some microseconds. */
export const nowUs = (): number => (performance.timeOrigin + performance.now()) * 1000;

/** Of several processes, as if one had measured all. */
export function mergedLatency(latencies: readonly Latency[]): Latency {
  const [only] = latencies;
  if (only && latencies.length === 1) return only;
  const all = newHistogram();
  for (const { histogram } of latencies) all.add(decodeFromCompressedBase64(histogram));
  return latencyOf(all);
}
