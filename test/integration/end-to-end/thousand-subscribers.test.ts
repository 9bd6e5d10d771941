// A thousand WebSocket connections on one edge, each with a subscription, each getting its own events and no others.

import t from 'tap';
import { closeAll } from '../harness/close-all.ts';
import { faultsOf, ledgerText, NO_FAULTS, settle, sumOf } from '../harness/ledger.ts';
import { aMeasurement, MEASUREMENT_SCHEMA, type Measurement, type ModelledFilter } from '../harness/measurement.ts';
import { TestProducer } from '../harness/producer.ts';
import { startService } from '../harness/service.ts';
import { until } from '../harness/until.ts';
import { WireSubscriber } from '../harness/wire-subscriber.ts';

const SUBSCRIBERS = 1000;
/** Opened at the same time; a listen backlog has its limits. */
const CONNECTING_AT_ONCE = 50;
const EVENTS = 5000;
const DISTINCT_FILTERS = 25;
const STATUS_TIMEOUT_MS = 10_000;
const DELIVERED_TIMEOUT_MS = 60_000;

t.setTimeout(180_000);

const filterOf = (at: number): ModelledFilter => {
  const rack = at % DISTINCT_FILTERS;
  return { cel: `place.rack == ${rack}`, matches: (event) => event.place.rack === rack };
};

t.test('a thousand concurrent subscribers on one edge each get their events', async (t) => {
  const service = await startService(t, { workers: 1, edges: 1 });
  const topic = await service.createTopic({ name: 'thousand', partitions: 8, schema: MEASUREMENT_SCHEMA });
  const connections: WireSubscriber[] = [];
  t.teardown(() => closeAll(connections));
  const startedMs = performance.now();
  while (connections.length < SUBSCRIBERS) {
    const opened = Array.from({ length: CONNECTING_AT_ONCE }, () => WireSubscriber.connect(service.edge(0).clientUrl));
    connections.push(...(await Promise.all(opened)));
  }
  const subscriptions = await Promise.all(
    connections.map((connection, at) =>
      connection.subscribe({ id: 'mine', topic: topic.name, filter: filterOf(at).cel, fields: ['sequence'] }),
    ),
  );
  t.comment(`${SUBSCRIBERS} connected and subscribed in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
  await until('the status to show them', STATUS_TIMEOUT_MS, async () => {
    const { edges } = await service.api.status();
    return edges[0]?.connections === SUBSCRIBERS;
  });

  const producer = await TestProducer.connect<Measurement>(service.stack.env.MDS_KAFKA_BROKERS ?? '', topic);
  t.teardown(() => producer.close());
  for (let at = 0; at < EVENTS; at += 10) {
    const events = Array.from({ length: 10 }, (_, i) => aMeasurement(at + i));
    await producer.send({ partition: (at / 10) % topic.partitions, events });
  }
  await producer.flush();

  const account = () =>
    subscriptions.map((subscription, at) =>
      settle({
        produced: producer.produced,
        matches: filterOf(at).matches,
        received: subscription.received,
        after: subscription.start,
      }),
    );
  const expected = sumOf(account()).expected;
  const receivedCount = (): number => connections.reduce((sum, connection) => sum + connection.receivedCount, 0);
  await until('all events', DELIVERED_TIMEOUT_MS, () => receivedCount() >= expected).catch((error: unknown) =>
    t.comment(String(error)),
  );
  const ledger = sumOf(account());
  t.comment(`ledger: ${ledgerText(ledger)}`);
  t.same(faultsOf(ledger), NO_FAULTS);
  t.ok(ledger.expected > SUBSCRIBERS * 50);
  t.ok(
    connections.every(({ closeCode }) => closeCode === null),
    'every connection is still open',
  );
});
