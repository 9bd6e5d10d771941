// Latencies of deliveries: from the intended send time in each event to the moment a client's socket had its frame; and of
// the two ends of their way, which frames tell of to the millisecond.

import type { Histogram } from 'hdr-histogram-js';
import type { LoadRun } from '../result.ts';
import { TIMELINE_STEP_MS, type TimelineStep } from './clients.ts';
import type { EventsHead } from './events-frame.ts';
import { latencyOf, newHistogram, record } from './histograms.ts';

export const STAGES = ['producer: intended → record', 'edge and client: sent → read'] as const;

export class Latencies {
  #fromUs = Number.POSITIVE_INFINITY;
  #toUs = Number.NEGATIVE_INFINITY;
  #total: Histogram = newHistogram();
  #stages: Histogram[] = STAGES.map(() => newHistogram());
  #timeline: { count: number; sumUs: number; maxUs: number }[] = [];

  /** Begins anew: only events intended within this time count. */
  begin(fromUs: number, toUs: number): void {
    this.#fromUs = fromUs;
    this.#toUs = toUs;
    this.#total = newHistogram();
    this.#stages = STAGES.map(() => newHistogram());
    this.#timeline = [];
  }

  isMeasured(intendedUs: number): boolean {
    return intendedUs >= this.#fromUs && intendedUs < this.#toUs;
  }

  record(intendedUs: number, arrivedUs: number, count = 1): void {
    if (!this.isMeasured(intendedUs)) return;
    const us = Math.max(0, arrivedUs - intendedUs);
    record(this.#total, us, count);
    const step = Math.floor((intendedUs - this.#fromUs) / (TIMELINE_STEP_MS * 1000));
    this.#timeline[step] ??= { count: 0, sumUs: 0, maxUs: 0 };
    const at = this.#timeline[step];
    at.count += count;
    at.sumUs += us * count;
    at.maxUs = Math.max(at.maxUs, us);
  }

  /** Once for each frame, at its oldest record. */
  recordStages({ recordMs, sentMs }: EventsHead, intendedUs: number, arrivedUs: number): void {
    if (!this.isMeasured(intendedUs)) return;
    const took = [recordMs * 1000 - intendedUs, arrivedUs - sentMs * 1000];
    this.#stages.forEach((stage, i) => {
      record(stage, took[i] ?? 0);
    });
  }

  result(): Pick<LoadRun, 'latency' | 'stages'> & { readonly timeline: readonly TimelineStep[] } {
    const stages = STAGES.map((stage, i) => ({ stage, latency: latencyOf(this.#stages[i] ?? newHistogram()) }));
    const timeline = Array.from(this.#timeline, (step) => ({
      count: step?.count ?? 0,
      meanMs: step ? step.sumUs / step.count / 1000 : 0,
      maxMs: (step?.maxUs ?? 0) / 1000,
    }));
    return { latency: latencyOf(this.#total), stages, timeline };
  }
}
