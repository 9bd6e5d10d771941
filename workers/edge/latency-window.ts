// Rates and latency percentiles of the last ten seconds, for the heartbeat: a ring of one-second buckets. Pure: time is an
// argument.

import { build, type Histogram } from 'hdr-histogram-js';

/** 10 s: what EdgeHeartbeat promises. */
const BUCKETS = 10;
const BUCKET_MS = 1000;
/** One hour: a subscriber that reads history has latencies of that size, beyond it the exact value does not matter. */
const MAX_LATENCY_MS = 3_600_000;

interface Bucket {
  second: number;
  frames: number;
  deliveries: number;
  readonly latencies: Histogram;
}

export interface WindowSummary {
  readonly deliveriesPerSecond: number;
  readonly framesPerSecond: number;
  readonly latencyP50Ms: number | null;
  readonly latencyP99Ms: number | null;
}

const newHistogram = (): Histogram =>
  build({ highestTrackableValue: MAX_LATENCY_MS, numberOfSignificantValueDigits: 2, useWebAssembly: false });

export class LatencyWindow {
  readonly #ring: Bucket[] = Array.from({ length: BUCKETS }, () => ({
    second: -1,
    frames: 0,
    deliveries: 0,
    latencies: newHistogram(),
  }));
  readonly #startedMs: number;

  constructor(nowMs: number) {
    this.#startedMs = nowMs;
  }

  /** @param latencyMs of the frames' oldest record; null when there is nothing to measure by */
  record(nowMs: number, frames: number, deliveries: number, latencyMs: number | null): void {
    const bucket = this.#bucketAt(nowMs);
    bucket.frames += frames;
    bucket.deliveries += deliveries;
    if (latencyMs === null || frames === 0) return;
    bucket.latencies.recordValueWithCount(Math.min(MAX_LATENCY_MS, Math.max(0, Math.round(latencyMs))), frames);
  }

  summary(nowMs: number): WindowSummary {
    const oldest = Math.floor(nowMs / BUCKET_MS) - BUCKETS;
    const latencies = newHistogram();
    let frames = 0;
    let deliveries = 0;
    for (const bucket of this.#ring) {
      if (bucket.second <= oldest) continue;
      frames += bucket.frames;
      deliveries += bucket.deliveries;
      latencies.add(bucket.latencies);
    }
    const seconds = Math.max(BUCKET_MS, Math.min(BUCKETS * BUCKET_MS, nowMs - this.#startedMs)) / BUCKET_MS;
    const isEmpty = latencies.totalCount === 0;
    return {
      deliveriesPerSecond: deliveries / seconds,
      framesPerSecond: frames / seconds,
      latencyP50Ms: isEmpty ? null : latencies.getValueAtPercentile(50),
      latencyP99Ms: isEmpty ? null : latencies.getValueAtPercentile(99),
    };
  }

  #bucketAt(nowMs: number): Bucket {
    const second = Math.floor(nowMs / BUCKET_MS);
    const bucket = this.#ring[second % BUCKETS];
    if (!bucket) throw new RangeError(`${nowMs} is not a time`);
    if (bucket.second !== second) {
      bucket.second = second;
      bucket.frames = 0;
      bucket.deliveries = 0;
      bucket.latencies.reset();
    }
    return bucket;
  }
}
