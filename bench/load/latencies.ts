// Latencies of deliveries: from the intended send time in each event to the moment a client's socket had its frame, and the
// same time split at the points that frames tell of (to the millisecond).

import type { Histogram } from 'hdr-histogram-js';
import type { LoadRun } from '../result.ts';
import type { EventsHead } from './events-frame.ts';
import { latencyOf, newHistogram, record } from './histograms.ts';

export const STAGES = ['intended → record', 'record → worker', 'worker → edge', 'edge → client'] as const;

export class Latencies {
  #fromUs = Number.POSITIVE_INFINITY;
  #toUs = Number.NEGATIVE_INFINITY;
  #total: Histogram = newHistogram();
  #stages: Histogram[] = STAGES.map(() => newHistogram());

  /** Begins anew: only events intended within this time count. */
  begin(fromUs: number, toUs: number): void {
    this.#fromUs = fromUs;
    this.#toUs = toUs;
    this.#total = newHistogram();
    this.#stages = STAGES.map(() => newHistogram());
  }

  isMeasured(intendedUs: number): boolean {
    return intendedUs >= this.#fromUs && intendedUs < this.#toUs;
  }

  record(intendedUs: number, arrivedUs: number, count = 1): void {
    if (this.isMeasured(intendedUs)) record(this.#total, arrivedUs - intendedUs, count);
  }

  /** Once for each frame, at its oldest record. */
  recordStages({ recordMs, publishedMs, sentMs }: EventsHead, intendedUs: number, arrivedUs: number): void {
    if (!this.isMeasured(intendedUs)) return;
    const points = [intendedUs, recordMs * 1000, publishedMs * 1000, sentMs * 1000, arrivedUs];
    this.#stages.forEach((stage, i) => {
      record(stage, (points[i + 1] ?? 0) - (points[i] ?? 0));
    });
  }

  result(): Pick<LoadRun, 'latency' | 'stages'> {
    const stages = STAGES.map((stage, i) => ({ stage, latency: latencyOf(this.#stages[i] ?? newHistogram()) }));
    return { latency: latencyOf(this.#total), stages };
  }
}
