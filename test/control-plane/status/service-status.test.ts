// The status, put together from what is known.

import t from 'tap';
import { Check } from 'typebox/value';
import { NO_RELIABILITY, reliabilityOf } from '../../../control-plane/status/reliability.ts';
import { serviceStatusOf, totalsOf } from '../../../control-plane/status/service-status.ts';
import { ServiceStatus } from '../../../schemas/api/status.ts';
import { NO_AUDIT } from '../../../schemas/audit.ts';
import { anEdge, aWorker } from '../builders.ts';

const facts = {
  version: '1',
  leaderId: 'cp-1',
  topics: [{ topicId: 1, name: 'orders', tenant: 'default', partitions: 3 }],
  ownership: [
    { topicId: 1, partition: 0, epoch: 4, owner: { state: 'owned', workerId: 'a' }, retired: false },
    { topicId: 1, partition: 1, epoch: 2, owner: { state: 'unowned' }, retired: false },
  ],
  workers: [aWorker({ workerId: 'a', owned: [{ topicId: 1, partition: 0, epoch: 4, nextOffset: 10, lagRecords: 7 }] })],
  edges: [],
  reliability: NO_RELIABILITY,
  problems: [],
} as const;

t.test('each partition shows its owner, and its place where the owner reports it', async (t) => {
  const status = serviceStatusOf(facts);
  t.same(status.topics[0]?.partitions, [
    { partition: 0, workerId: 'a', epoch: 4, nextOffset: 10, lagRecords: 7 },
    { partition: 1, workerId: null, epoch: 2, nextOffset: null, lagRecords: null },
    { partition: 2, workerId: null, epoch: 0, nextOffset: null, lagRecords: null },
  ]);
  t.same(status.problems, ['2 partitions have no owner.']);
  t.ok(Check(ServiceStatus, status), 'it is of the documented shape');
});

t.test('totals add rates up and show the worst latency of all edges', async (t) => {
  const workers = [aWorker({ eventsInPerSecond: 5 }), aWorker({ eventsInPerSecond: 7 })];
  const edges = [
    anEdge({ deliveriesPerSecond: 2, connections: 3, subscriptions: 4, latencyP50Ms: 1, latencyP99Ms: 9 }),
    anEdge({ deliveriesPerSecond: 8, connections: 1, subscriptions: 1, latencyP50Ms: 2, latencyP99Ms: 5 }),
    anEdge(),
  ];
  t.same(totalsOf(workers, edges), {
    eventsInPerSecond: 12,
    deliveriesPerSecond: 10,
    latencyP50Ms: 2,
    latencyP99Ms: 9,
    connections: 4,
    subscriptions: 5,
    lagRecords: 0,
  });
  t.match(totalsOf([], []), { latencyP50Ms: null, latencyP99Ms: null });
});

t.test('an audit that misses more than the target allows is a problem that says how much', async (t) => {
  const reliability = reliabilityOf({
    ...NO_AUDIT,
    ranges: 4,
    exact: 3,
    expected: 10_000,
    delivered: 9998,
    missing: 2,
  });
  t.match(reliability, { deliveryRatio: 0.9998, score: 0.75, isMet: false });
  const { problems } = serviceStatusOf({ ...facts, topics: [], reliability });
  t.match(problems, [/^The audit misses 2 of 10000 events of the last 60 min/]);
  const enough = reliabilityOf({ ...NO_AUDIT, ranges: 1, expected: 10_000, delivered: 9999, missing: 1 });
  t.same(serviceStatusOf({ ...facts, topics: [], reliability: enough }).problems, []);
});
