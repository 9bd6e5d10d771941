// Where the time of deliveries goes, by stage. The ends are measured by producer and clients, delivery by delivery; what lies
// between by the edges' own histograms, envelope by envelope, whose buckets are taken at their upper bounds.
//
//   producer ──▶ broker ──▶ worker ──▶ kernel and lane ──▶ edge and client
//   intended     record's    a slab     a kernel has it     the edge has it
//   time         time        has it

import type { LoadRun } from '../result.ts';
import type { BenchService } from './bench-service.ts';
import { latencyOf, newHistogram, record } from './histograms.ts';

/** By stage: counts up to each bound in seconds. */
export type StageCounts = ReadonlyMap<string, ReadonlyMap<number, number>>;

const TITLES: Readonly<Record<string, string>> = {
  broker: 'broker: record → worker',
  worker: 'worker: until a kernel has it',
  kernel_and_lane: 'kernel and lane: → edge',
};

/** Of all edges together. */
export async function readStages(service: BenchService): Promise<StageCounts> {
  const sum = new Map<string, Map<number, number>>();
  for (const edge of service.edges) {
    for (const [stage, counts] of await service.histogram(edge, 'mds_edge_stage_seconds', 'stage')) {
      const total = sum.get(stage) ?? new Map<number, number>();
      for (const [bound, count] of counts) total.set(bound, (total.get(bound) ?? 0) + count);
      sum.set(stage, total);
    }
  }
  return sum;
}

export function stagesBetween(from: StageCounts, to: StageCounts): LoadRun['stages'] {
  return Object.entries(TITLES).map(([stage, title]) => {
    const histogram = newHistogram();
    let below = 0;
    let lastBound = 0;
    for (const [bound, count] of [...(to.get(stage) ?? [])].sort(([a], [b]) => a - b)) {
      const upTo = count - (from.get(stage)?.get(bound) ?? 0);
      if (upTo > below) record(histogram, (Number.isFinite(bound) ? bound : lastBound) * 1e6, upTo - below);
      below = upTo;
      lastBound = bound;
    }
    return { stage: title, latency: latencyOf(histogram) };
  });
}
