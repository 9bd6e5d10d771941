// An operator empties an edge of its clients at a rate: they go to the other edge with their tokens and miss nothing, and
// the process that is stopped then has nobody left to disturb.

import t from 'tap';
import { runMds } from '../../client/command/run-mds.ts';
import { closeAll } from '../harness/close-all.ts';
import { settled, startEventStream } from '../harness/event-stream.ts';
import { faultsOf, ledgerText, NO_FAULTS, sumOf } from '../harness/ledger.ts';
import { LibrarySubscriber } from '../harness/library-subscriber.ts';
import { MEASUREMENT_SCHEMA, type ModelledFilter } from '../harness/measurement.ts';
import { startService, type TestService } from '../harness/service.ts';
import { until } from '../harness/until.ts';

const CLIENTS = 500;
const OPENING_AT_ONCE = 50;
/** 500 clients live in the test's own process, beside all the others of a busy machine. */
const EVENTS_PER_SECOND = 300;
const TIMEOUT_MS = 60_000;
const DISTINCT_FILTERS = 20;

const filterOf = (at: number): ModelledFilter => {
  const rack = at % DISTINCT_FILTERS;
  return { cel: `place.rack == ${rack}`, matches: (event) => event.place.rack === rack };
};

interface Edge {
  readonly edgeId: string;
  readonly state: string;
  readonly connections: number;
  readonly evacuation?: { readonly movedClients: number; readonly clientsAtStart: number };
}

t.setTimeout(240_000);

const edgesOf = async ({ api }: TestService): Promise<readonly Edge[]> =>
  (await api.get<{ readonly items: readonly Edge[] }>('/v1/edges')).items;

async function edgeNamed(service: TestService, name: string): Promise<Edge | undefined> {
  return (await edgesOf(service)).find(({ edgeId }) => edgeId.startsWith(`${name}-`));
}

t.test('an edge is emptied of 500 clients at a rate, and none of them misses an event', async (t) => {
  const service = await startService(t, { workers: 1, edges: 1 });
  const topic = await service.createTopic({ name: 'evacuation', partitions: 4, schema: MEASUREMENT_SCHEMA });
  const mds = (...args: string[]) => runMds(['--api', service.api.url, ...args]);
  const subscribers = Array.from({ length: CLIENTS }, (_, at) => {
    const connect = { api: service.api.url };
    return new LibrarySubscriber({ connect, topic: topic.name, filter: filterOf(at).cel });
  });
  t.teardown(() => closeAll(subscribers));
  for (let at = 0; at < CLIENTS; at += OPENING_AT_ONCE) {
    await Promise.all(subscribers.slice(at, at + OPENING_AT_ONCE).map((subscriber) => subscriber.open()));
  }
  const brokers = service.stack.env.MDS_KAFKA_BROKERS ?? '';
  const stream = await startEventStream({ brokers, topic, eventsPerSecond: EVENTS_PER_SECOND });
  t.teardown(() => stream.close());
  const first = await until('the first edge', TIMEOUT_MS, () => edgeNamed(service, 'edge-1'));

  const alone = await mds('edges', 'evacuate', first.edgeId);
  t.not(alone.code, 0);
  t.match(alone.stderr, 'No other edge runs that could take the clients');

  await (await service.addEdge()).start();
  await until('both edges', TIMEOUT_MS, async () => (await edgesOf(service)).length === 2);
  const begun = await mds('edges', 'evacuate', first.edgeId, '--rate', '5');
  t.equal(begun.code, 0, begun.stderr);
  await until('some to have moved', TIMEOUT_MS, async () => {
    const { evacuation, state } = (await edgeNamed(service, 'edge-1')) ?? {};
    return state === 'draining' && (evacuation?.movedClients ?? 0) > 5;
  });
  const cancelled = await mds('edges', 'evacuate', first.edgeId, '--cancel');
  t.equal(cancelled.code, 0, cancelled.stderr);
  const called = await until('the edge to run again', TIMEOUT_MS, async () => {
    const edge = await edgeNamed(service, 'edge-1');
    return edge?.state === 'running' && edge.evacuation === undefined ? edge : null;
  });
  t.ok(called.connections > 0, 'those that are left stay');

  const emptied = await mds('edges', 'evacuate', first.edgeId, '--rate', '200', '--wait');
  t.equal(emptied.code, 0, emptied.stderr);
  t.match(emptied.stdout, 'is empty');
  t.match(await edgeNamed(service, 'edge-1'), { state: 'draining', connections: 0 });
  let seen: unknown;
  await until(
    'all of them at the other edge',
    TIMEOUT_MS,
    async () => {
      const edges = await edgesOf(service);
      seen = {
        edges,
        states: Object.groupBy(
          subscribers.map(({ state }) => state),
          (state) => state,
        ),
      };
      return edges.some(({ edgeId, connections }) => edgeId.startsWith('edge-2-') && connections === CLIENTS);
    },
    () => JSON.stringify(seen).slice(0, 2000),
  );
  const end = await service.edge(0).end('SIGTERM');
  t.equal(end.code, 0);
  const targets = subscribers.map(({ received }) => received.length + 5);
  await until('all to receive there', TIMEOUT_MS, () =>
    subscribers.every(({ received }, at) => received.length >= (targets[at] ?? 0)),
  );
  await stream.stop();

  const ledgers = await Promise.all(
    subscribers.map(({ received, start }, at) =>
      settled({ stream, filter: filterOf(at), received, after: start, timeoutMs: TIMEOUT_MS }),
    ),
  );
  t.comment(`ledger: ${ledgerText(sumOf(ledgers))}`);
  const states = subscribers.filter((_, at) => (ledgers[at]?.lost ?? 0) > 0).map(({ state }) => state);
  t.same(faultsOf(sumOf(ledgers)), NO_FAULTS, `those that miss something: ${states.slice(0, 10)}`);
  t.same(
    subscribers.flatMap(({ gaps }) => gaps),
    [],
  );
  t.same(
    subscribers.filter(({ reconnects }) => reconnects !== 1).map(({ reconnects }) => reconnects),
    [],
    'each moved once',
  );
});
