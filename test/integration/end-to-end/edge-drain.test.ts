// An edge is told to stop while events flow: its clients move to the other edge with their tokens, and miss nothing.

import t from 'tap';
import { closeAll } from '../harness/close-all.ts';
import { settled, startEventStream } from '../harness/event-stream.ts';
import { faultsOf, ledgerText, NO_FAULTS, sumOf } from '../harness/ledger.ts';
import { LibrarySubscriber } from '../harness/library-subscriber.ts';
import { MEASUREMENT_SCHEMA, type ModelledFilter } from '../harness/measurement.ts';
import { startService } from '../harness/service.ts';
import { until } from '../harness/until.ts';

const CLIENTS = 6;
const EVENTS_PER_SECOND = 4000;
const FILTERS: readonly ModelledFilter[] = [
  { cel: 'level == TOP', matches: ({ level }) => level === 'TOP' },
  { cel: 'active', matches: ({ active }) => active },
  { cel: 'place.rack < 10', matches: ({ place }) => place.rack < 10 },
];
const TIMEOUT_MS = 30_000;

t.setTimeout(180_000);

t.test('clients of an edge that drains move to another one without loss', async (t) => {
  const service = await startService(t, { workers: 1, edges: 2 });
  const topic = await service.createTopic({ name: 'drain', partitions: 4, schema: MEASUREMENT_SCHEMA });
  const [first, second] = [service.edge(0), service.edge(1)];
  const subscribers = Array.from({ length: CLIENTS }, (_, at) => {
    const filter = FILTERS[at % FILTERS.length] ?? { cel: '', matches: () => true };
    // the control plane names the edges, as it does for any client
    const connect = { api: service.api.url };
    return { filter, subscriber: new LibrarySubscriber({ connect, topic: topic.name, filter: filter.cel }) };
  });
  t.teardown(() => closeAll(subscribers.map(({ subscriber }) => subscriber)));
  await Promise.all(subscribers.map(({ subscriber }) => subscriber.open()));
  const stream = await startEventStream({
    brokers: service.stack.env.MDS_KAFKA_BROKERS ?? '',
    topic,
    eventsPerSecond: EVENTS_PER_SECOND,
  });
  t.teardown(() => stream.close());
  const allReceive = async (what: string): Promise<void> => {
    const targets = subscribers.map(({ subscriber }) => subscriber.received.length + 200);
    await until(what, TIMEOUT_MS, () =>
      subscribers.every(({ subscriber }, at) => subscriber.received.length >= (targets[at] ?? 0)),
    );
  };

  await allReceive('events before the drain');
  const end = await first.end('SIGTERM');
  t.equal(end.code, 0, 'the edge drained and ended by itself');
  await allReceive('events at the other edge');
  await first.start();
  const secondEnd = await second.end('SIGTERM');
  t.equal(secondEnd.code, 0, 'so did the other one');
  await allReceive('events at the edge that came back');
  await stream.stop();

  const ledgers = await Promise.all(
    subscribers.map(({ filter, subscriber }) =>
      settled({ stream, filter, received: subscriber.received, after: subscriber.start }),
    ),
  );
  t.comment(`ledger: ${ledgerText(sumOf(ledgers))}`);
  for (const [at, ledger] of ledgers.entries()) t.same(faultsOf(ledger), NO_FAULTS, `client ${at}`);
  t.same(
    subscribers.flatMap(({ subscriber }) => subscriber.gaps),
    [],
  );
});
