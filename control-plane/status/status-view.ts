// What an identity sees of the service's state. Operators see it all; others their own tenant's topics, and of the processes
// that serve everybody what a client must know: nothing that tells how busy other tenants are. Pure.

import type { EdgeSummary, ServiceStatus, TopicStatus } from '../../schemas/api/status.ts';
import type { EdgeHeartbeat, WorkerHeartbeat } from '../../schemas/coordination.ts';
import { type Identity, isOperator } from '../../schemas/identity/identity.ts';
import { maySeeTopic } from '../access/reading.ts';

export function statusFor(identity: Identity, status: ServiceStatus): ServiceStatus {
  if (isOperator(identity)) return status;
  const topics = status.topics.filter(({ tenant, name }) => tenant === identity.tenant && maySeeTopic(identity, name));
  return {
    ...status,
    workers: workersFor(status.workers, topics),
    edges: [],
    topics,
    totals: { ...NO_TOTALS, lagRecords: lagOf(topics) },
    problems: problemsOf(topics),
  };
}

/** Those that work on topics that are seen. */
export function workersFor(
  workers: readonly WorkerHeartbeat[],
  topics: readonly Pick<TopicStatus, 'topicId'>[],
): WorkerHeartbeat[] {
  const seen = new Set(topics.map(({ topicId }) => topicId));
  return workers.flatMap(({ owned, workerId, startedAtMs, state, assignmentRevision }) => {
    const shown = owned.filter(({ topicId }) => seen.has(topicId));
    return shown.length === 0 ? [] : [{ ...NO_LOAD, workerId, startedAtMs, state, assignmentRevision, owned: shown }];
  });
}

/** Whoever is known may connect, so edges are shown to all; how many others are connected is not. */
export function edgesFor(identity: Identity, edges: readonly EdgeHeartbeat[]): EdgeSummary[] {
  return edges.map(({ edgeId, clientUrl, state, connections, evacuation }) => {
    if (!isOperator(identity)) return { edgeId, clientUrl, state, connections: 0 };
    const summary = { edgeId, clientUrl, state, connections };
    return evacuation === undefined ? summary : { ...summary, evacuation };
  });
}

const NO_TOTALS: ServiceStatus['totals'] = {
  eventsInPerSecond: 0,
  deliveriesPerSecond: 0,
  latencyP50Ms: null,
  latencyP99Ms: null,
  connections: 0,
  subscriptions: 0,
  lagRecords: 0,
};

const NO_LOAD = {
  host: '',
  pid: 0,
  httpUrl: '',
  eventsInPerSecond: 0,
  recordsInPerSecond: 0,
  bytesInPerSecond: 0,
  rejectedRecords: 0,
  kernelBusyRatio: 0,
};

const lagOf = (topics: readonly TopicStatus[]): number =>
  topics.flatMap(({ partitions }) => partitions).reduce((sum, { lagRecords }) => sum + (lagRecords ?? 0), 0);

function problemsOf(topics: readonly TopicStatus[]): string[] {
  const unowned = topics.flatMap(({ partitions }) => partitions).filter(({ workerId }) => workerId === null).length;
  return unowned === 0 ? [] : [`${unowned} partitions have no owner.`];
}
