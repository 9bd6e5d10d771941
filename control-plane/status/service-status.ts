// The answer of GET /v1/status, put together from what is known: pure, so that every gap in the knowledge can be tested.

import type { PartitionStatus, Reliability, ServiceStatus, TopicStatus, Totals } from '../../schemas/api/status.ts';
import type { EdgeHeartbeat, OwnedPartition, WorkerHeartbeat } from '../../schemas/coordination.ts';
import { type PartitionKey, partitionKey } from '../ownership/assign.ts';
import type { PartitionOwnership } from '../ownership/handover.ts';

export interface KnownTopic {
  readonly topicId: number;
  readonly name: string;
  readonly tenant: string;
  readonly partitions: number;
}

/** What Postgres knows. */
export interface Metadata {
  readonly leaderId: string | null;
  readonly topics: readonly KnownTopic[];
  readonly ownership: readonly PartitionOwnership[];
}

export interface StatusFacts extends Metadata {
  readonly version: string;
  readonly workers: readonly WorkerHeartbeat[];
  readonly edges: readonly EdgeHeartbeat[];
  readonly reliability: Reliability;
  readonly problems: readonly string[];
}

/** The same from Redis alone: topics of the catalog, and owners as the workers themselves report. */
export function reportedMetadata(catalog: readonly KnownTopic[], workers: readonly WorkerHeartbeat[]): Metadata {
  const topics = catalog.toSorted((a, b) => a.topicId - b.topicId);
  const ownership = workers.flatMap(({ workerId, owned }) =>
    owned.map(({ topicId, partition, epoch }) => {
      return { topicId, partition, epoch, owner: { state: 'owned', workerId }, retired: false } as const;
    }),
  );
  return { leaderId: null, topics, ownership };
}

export function serviceStatusOf(facts: StatusFacts): ServiceStatus {
  const topics = topicsOf(facts);
  const unowned = topics.flatMap(({ partitions }) => partitions).filter(({ workerId }) => workerId === null).length;
  const problems = [...facts.problems];
  if (unowned > 0) problems.push(`${unowned} partitions have no owner.`);
  if (facts.reliability.isMet === false) problems.push(reliabilityProblem(facts.reliability));
  return {
    version: facts.version,
    leader: { id: facts.leaderId },
    workers: [...facts.workers],
    edges: [...facts.edges],
    topics,
    totals: totalsOf(facts.workers, facts.edges),
    reliability: facts.reliability,
    problems,
  };
}

const reliabilityProblem = ({ missingEvents, expectedEvents, windowMinutes }: Reliability): string =>
  `The audit misses ${missingEvents} of ${expectedEvents} events of the last ${windowMinutes} min; the workers' logs name the ranges.`;

function topicsOf({ topics, ownership, workers }: StatusFacts): TopicStatus[] {
  const owners = new Map<PartitionKey, PartitionOwnership>();
  for (const row of ownership) owners.set(partitionKey(row.topicId, row.partition), row);
  const reports = new Map<string, OwnedPartition>();
  for (const { workerId, owned } of workers) {
    for (const report of owned) reports.set(`${workerId} ${partitionKey(report.topicId, report.partition)}`, report);
  }
  return topics.map(({ topicId, name, tenant, partitions }) => ({
    topicId,
    name,
    tenant,
    partitions: Array.from({ length: partitions }, (_, partition): PartitionStatus => {
      const key = partitionKey(topicId, partition);
      const row = owners.get(key);
      const workerId = row === undefined || row.owner.state === 'unowned' ? null : row.owner.workerId;
      const report = reports.get(`${workerId} ${key}`);
      return {
        partition,
        workerId,
        epoch: row?.epoch ?? 0,
        nextOffset: report?.nextOffset ?? null,
        lagRecords: report?.lagRecords ?? null,
      };
    }),
  }));
}

export function totalsOf(workers: readonly WorkerHeartbeat[], edges: readonly EdgeHeartbeat[]): Totals {
  return {
    eventsInPerSecond: sum(workers.map((worker) => worker.eventsInPerSecond)),
    deliveriesPerSecond: sum(edges.map((edge) => edge.deliveriesPerSecond)),
    latencyP50Ms: highest(edges.map((edge) => edge.latencyP50Ms)),
    latencyP99Ms: highest(edges.map((edge) => edge.latencyP99Ms)),
    connections: sum(edges.map((edge) => edge.connections)),
    subscriptions: sum(edges.map((edge) => edge.subscriptions)),
    lagRecords: sum(workers.flatMap(({ owned }) => owned.map(({ lagRecords }) => lagRecords))),
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** Percentiles of several edges cannot be joined; the worst one is what some client sees. */
function highest(latencies: readonly (number | null)[]): number | null {
  const known = latencies.filter((latency) => latency !== null);
  return known.length === 0 ? null : Math.max(...known);
}
