// How much work each partition is, from what workers report: the rate at which its end grows, as a share of the average.
// Weights are steady on purpose: a partition that moves costs more than a little imbalance.

import type { WorkerHeartbeat } from '../../schemas/coordination.ts';
import { type PartitionKey, partitionKey } from './assign.ts';

/** Half of a partition's weight is for being one (polls, watermarks, heartbeats), half for its share of the records. */
const FIXED_SHARE = 0.5;
/** Weights are rounded to quarters, so that a wavering rate is no reason to move anything. */
const STEP = 0.25;
/** New weights every 30 s: a load that lasts less is over before moving has paid. */
const REFRESH_MS = 30_000;
/** Below this average (records a second for each partition) the load is noise and partitions count the same. */
const MIN_AVERAGE_RATE = 100;

interface Sample {
  readonly endOffset: number;
  readonly atMs: number;
}

export class PartitionWeights {
  #weights: ReadonlyMap<PartitionKey, number> = new Map();
  #samples = new Map<PartitionKey, Sample>();
  #refreshedAtMs = Number.NEGATIVE_INFINITY;

  /** Takes one look at the heartbeats. @returns weights to assign by; missing partitions count 1 */
  observe(workers: readonly WorkerHeartbeat[], now: number): ReadonlyMap<PartitionKey, number> {
    if (now - this.#refreshedAtMs < REFRESH_MS) return this.#weights;
    this.#refreshedAtMs = now;
    const samples = new Map<PartitionKey, Sample>();
    const rates = new Map<PartitionKey, number>();
    for (const { owned } of workers) {
      for (const { topicId, partition, nextOffset, lagRecords } of owned) {
        const key = partitionKey(topicId, partition);
        const sample = { endOffset: nextOffset + lagRecords, atMs: now };
        const last = this.#samples.get(key);
        samples.set(key, sample);
        if (last !== undefined) rates.set(key, rateBetween(last, sample));
      }
    }
    this.#samples = samples;
    this.#weights = weightsOf(rates);
    return this.#weights;
  }
}

const rateBetween = (last: Sample, sample: Sample): number =>
  Math.max(0, sample.endOffset - last.endOffset) / ((sample.atMs - last.atMs) / 1000);

export function weightsOf(ratesPerSecond: ReadonlyMap<PartitionKey, number>): Map<PartitionKey, number> {
  const rates = [...ratesPerSecond.values()];
  const average = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  if (!(average >= MIN_AVERAGE_RATE)) return new Map();
  return new Map(
    [...ratesPerSecond].map(([key, rate]) => {
      const weight = FIXED_SHARE + (1 - FIXED_SHARE) * (rate / average);
      return [key, Math.round(weight / STEP) * STEP] as const;
    }),
  );
}
