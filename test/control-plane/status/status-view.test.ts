// What an identity sees of the state of the service.

import t from 'tap';
import { NO_RELIABILITY } from '../../../control-plane/status/reliability.ts';
import { edgesFor, statusFor } from '../../../control-plane/status/status-view.ts';
import type { ServiceStatus } from '../../../schemas/api/status.ts';
import { aGrant, anIdentity } from '../api/identities.ts';
import { anEdge, aWorker } from '../builders.ts';

const partition = { partition: 0, workerId: 'w1', epoch: 1, nextOffset: 5, lagRecords: 2 };
const owned = (topicId: number) => ({ topicId, partition: 0, epoch: 1, nextOffset: 5, lagRecords: 2 });
const STATUS: ServiceStatus = {
  version: '1',
  leader: { id: 'c1' },
  workers: [
    aWorker({ workerId: 'w1', owned: [owned(1), owned(2)], eventsInPerSecond: 9, host: 'inside' }),
    aWorker({ workerId: 'w2', owned: [owned(2)] }),
  ],
  edges: [anEdge({ edgeId: 'e1', connections: 77 })],
  topics: [
    { topicId: 1, name: 'host.cpu', tenant: 'acme', partitions: [partition] },
    { topicId: 2, name: 'host.cpu', tenant: 'globex', partitions: [partition] },
    { topicId: 3, name: 'orders', tenant: 'acme', partitions: [] },
  ],
  totals: {
    eventsInPerSecond: 9,
    deliveriesPerSecond: 9,
    latencyP50Ms: 1,
    latencyP99Ms: 2,
    connections: 77,
    subscriptions: 8,
    lagRecords: 4,
  },
  reliability: NO_RELIABILITY,
  problems: ['Redis is away (10.0.0.9)'],
};

t.test('an operator sees all of it', async (t) => {
  t.equal(statusFor(anIdentity({ roles: ['operator'] }), STATUS), STATUS);
});

t.test('others see what concerns their own topics, and nothing that tells of other tenants', async (t) => {
  const reader = anIdentity({ grants: [aGrant(['subscribe'], ['host.*'])] });
  const shown = statusFor(reader, STATUS);
  t.same(
    shown.topics.map(({ topicId }) => topicId),
    [1],
  );
  t.match(shown.workers, [{ workerId: 'w1', host: '', eventsInPerSecond: 0, owned: [{ topicId: 1 }] }]);
  t.equal(shown.workers.length, 1);
  t.equal(shown.workers[0]?.owned.length, 1);
  t.match(shown, { edges: [], totals: { connections: 0, eventsInPerSecond: 0, lagRecords: 2 }, problems: [] });
  t.notMatch(JSON.stringify(shown), /globex|inside|10\.0\.0\.9|77/);
  t.same(
    statusFor(anIdentity({ roles: ['admin'] }), STATUS).topics.map(({ topicId }) => topicId),
    [1, 3],
  );
});

t.test('whoever is known learns where to connect, and not how many others are', async (t) => {
  t.match(edgesFor(anIdentity(), STATUS.edges), [{ edgeId: 'e1', connections: 0 }]);
  t.match(edgesFor(anIdentity({ roles: ['operator'] }), STATUS.edges), [{ edgeId: 'e1', connections: 77 }]);
});
