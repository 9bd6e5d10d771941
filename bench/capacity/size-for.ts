// From a target (events a second, subscribers, matches) and the fitted costs to how many processes of each kind, cores and
// megabytes a second that needs. Pure.

import { costOf, type Estimate, TIERS, type Tier, type TierModel, type WorkAmounts } from './cost-model.ts';

export interface Target {
  readonly eventsPerSecond: number;
  readonly subscribers: number;
  /** Channels that an event matches, over all channels together. */
  readonly matchesPerEvent: number;
  /** Subscribers of a channel that matches: 1 when everyone has a filter of their own. */
  readonly subscribersPerChannel: number;
  /** Avro bytes of one event. */
  readonly eventBytes: number;
}

/** What one delivery weighs, as measured. */
export interface Weights {
  /** Bytes on a lane for one match. */
  readonly laneBytesPerMatch: number;
  /** Bytes to clients for one delivery. */
  readonly clientBytesPerDelivery: number;
  /** Memory of the edge for an idle connection; null when it was not measured. */
  readonly connectionBytes: number | null;
}

export interface Sizing {
  readonly cores: Readonly<Record<Tier, Estimate>>;
  readonly totalCores: Estimate;
  readonly kernelThreads: number;
  readonly workers: number;
  readonly edges: number;
  readonly partitions: number;
  readonly redisShards: number;
  readonly megabytesPerSecond: { readonly fromKafka: number; readonly lanes: number; readonly toClients: number };
  readonly edgeConnectionMegabytes: number | null;
}

/** 0.7: above that, waiting for a busy thread grows faster than the load, and P99 with it. */
export const BUSY_SHARE = 0.7;
/** A worker's main thread feeds no more than eight kernel threads (workers/stream/config.ts). */
const THREADS_PER_WORKER = 8;
/** A partition is one kernel thread's at a time; twice as many as threads lets the leader even out the load. */
const PARTITIONS_PER_THREAD = 2;

/** The work of one second at the target. */
export function workOf(target: Target, weights: Weights): WorkAmounts {
  const { eventsPerSecond, matchesPerEvent, subscribersPerChannel, eventBytes } = target;
  const matches = eventsPerSecond * matchesPerEvent;
  const deliveries = matches * subscribersPerChannel;
  return {
    seconds: 1,
    millionEvents: eventsPerSecond / 1e6,
    megabytesIn: (eventsPerSecond * eventBytes) / 1e6,
    millionMatches: matches / 1e6,
    laneMegabytes: (matches * weights.laneBytesPerMatch) / 1e6,
    millionDeliveries: deliveries / 1e6,
    clientMegabytes: (deliveries * weights.clientBytesPerDelivery) / 1e6,
  };
}

export function sizeFor(target: Target, models: readonly TierModel[], weights: Weights): Sizing {
  const work = workOf(target, weights);
  const estimates = new Map(models.map((model) => [model.tier, costOf(model, work)]));
  const nothing: Estimate = { value: 0, low: 0, high: 0 };
  const coresOf = (tier: Tier): Estimate => estimates.get(tier) ?? nothing;
  const threadsFor = (tier: Tier): number => Math.max(1, Math.ceil(coresOf(tier).value / BUSY_SHARE));
  const kernelThreads = threadsFor('kernel');
  const edges = threadsFor('edge');
  const sum = (of: (estimate: Estimate) => number): number =>
    TIERS.reduce((total, tier) => total + of(coresOf(tier)), 0);
  return {
    cores: {
      broker: coresOf('broker'),
      workerMain: coresOf('workerMain'),
      kernel: coresOf('kernel'),
      redis: coresOf('redis'),
      edge: coresOf('edge'),
    },
    totalCores: { value: sum(({ value }) => value), low: sum(({ low }) => low), high: sum(({ high }) => high) },
    kernelThreads,
    workers: Math.max(threadsFor('workerMain'), Math.ceil(kernelThreads / THREADS_PER_WORKER)),
    edges,
    partitions: kernelThreads * PARTITIONS_PER_THREAD,
    redisShards: threadsFor('redis'),
    megabytesPerSecond: { fromKafka: work.megabytesIn, lanes: work.laneMegabytes, toClients: work.clientMegabytes },
    edgeConnectionMegabytes:
      weights.connectionBytes === null ? null : (target.subscribers * weights.connectionBytes) / 1e6,
  };
}
