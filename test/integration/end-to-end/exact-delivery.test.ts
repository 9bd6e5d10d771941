// 100,000 events over 8 partitions, 50 subscriptions with filters over every type of field, two workers, two edges:
// each subscriber gets exactly what the model says, with the content it says, in order for each partition.

import t, { type Test } from 'tap';
import { closeAll } from '../harness/close-all.ts';
import { faultsOf, ledgerText, NO_FAULTS, settle, sumOf } from '../harness/ledger.ts';
import {
  aMeasurement,
  FILTERS,
  MEASUREMENT_SCHEMA,
  type Measurement,
  type ModelledFilter,
  SAME_MEANING,
  viewOf,
} from '../harness/measurement.ts';
import { TestProducer } from '../harness/producer.ts';
import { startService } from '../harness/service.ts';
import { until } from '../harness/until.ts';
import { WireSubscriber, type WireSubscription } from '../harness/wire-subscriber.ts';

const EVENTS = 100_000;
const PARTITIONS = 8;
const SUBSCRIPTIONS = 50;
const CONNECTIONS_PER_EDGE = 5;
/** Batch records of this many events, and every third record a single event. */
const BATCH_EVENTS = 40;
/** 30 s for what takes some seconds on an idle machine with two cores. */
const DELIVERED_TIMEOUT_MS = 60_000;

t.setTimeout(180_000);

/** Forty distinct filters, three pairs of equal meaning, and the first ones again: shared channels. */
function fiftyFilters(): ModelledFilter[] {
  const distinct = [...FILTERS, ...SAME_MEANING.flat()];
  return Array.from({ length: SUBSCRIPTIONS }, (_, at) => distinct[at] ?? distinct[at - distinct.length]).filter(
    (filter) => filter !== undefined,
  );
}

t.test('every subscriber receives exactly what an independent model expects, in order', async (t) => {
  const service = await startService(t, { workers: 2, edges: 2 });
  const topic = await service.createTopic({ name: 'exact', partitions: PARTITIONS, schema: MEASUREMENT_SCHEMA });
  const connections = await Promise.all(
    service.edges.flatMap(({ clientUrl }) =>
      Array.from({ length: CONNECTIONS_PER_EDGE }, () => WireSubscriber.connect(clientUrl)),
    ),
  );
  t.teardown(() => closeAll(connections));

  const subscriptions = await Promise.all(
    fiftyFilters().map(async (filter, at) => {
      const connection = connections[at % connections.length];
      if (!connection) throw new Error('there are no connections');
      const message = { id: `s${at}`, topic: topic.name, filter: filter.cel, fields: filter.fields };
      return { filter, subscription: await connection.subscribe(message) };
    }),
  );
  assertSharing(t, subscriptions);

  const producer = await TestProducer.connect<Measurement>(service.stack.env.MDS_KAFKA_BROKERS ?? '', topic);
  t.teardown(() => producer.close());
  const startedMs = performance.now();
  await produceAll(producer);
  const expected = expectedCount(producer, subscriptions);
  let received = 0;
  await until(
    'all expected events',
    DELIVERED_TIMEOUT_MS,
    () => {
      received = connections.reduce((sum, connection) => sum + connection.receivedCount, 0);
      return received >= expected;
    },
    () => `${received} of ${expected}`,
  ).catch((error: unknown) => t.comment(String(error))); // the ledger says more
  const seconds = (performance.now() - startedMs) / 1000;

  const ledgers = subscriptions.map(({ filter, subscription }) =>
    settle({
      produced: producer.produced,
      matches: filter.matches,
      received: subscription.received,
      after: subscription.start,
      view: (event) => viewOf(filter, event),
    }),
  );
  t.comment(`ledger: ${ledgerText(sumOf(ledgers))}; ${seconds.toFixed(1)} s from the first record to the last frame`);
  for (const [at, ledger] of ledgers.entries())
    t.same(faultsOf(ledger), NO_FAULTS, `s${at}: ${subscriptions[at]?.filter.cel}`);
  t.ok(sumOf(ledgers).expected > EVENTS, 'the filters together match more than one event each');
});

async function produceAll(producer: TestProducer<Measurement>): Promise<void> {
  let sequence = 0;
  for (let record = 0; sequence < EVENTS; record++) {
    const count = record % 3 === 0 ? 1 : Math.min(BATCH_EVENTS, EVENTS - sequence);
    const events = Array.from({ length: count }, (_, at) => aMeasurement(sequence + at));
    await producer.send({ partition: record % PARTITIONS, events });
    sequence += count;
  }
  await producer.flush();
}

function expectedCount(
  producer: TestProducer<Measurement>,
  subscriptions: readonly { readonly filter: ModelledFilter }[],
): number {
  let expected = 0;
  for (const { event } of producer.produced)
    for (const { filter } of subscriptions) if (filter.matches(event)) expected++;
  return expected;
}

function assertSharing(
  t: Test,
  subscriptions: readonly { readonly filter: ModelledFilter; readonly subscription: WireSubscription }[],
): void {
  const channelOf = new Map(subscriptions.map(({ filter, subscription }) => [filter.cel, subscription.channel]));
  for (const [one, other] of SAME_MEANING) {
    t.equal(channelOf.get(one.cel), channelOf.get(other.cel), `"${one.cel}" and "${other.cel}" share a channel`);
  }
  const channels = new Set(FILTERS.map(({ cel }) => channelOf.get(cel)));
  t.equal(channels.size, FILTERS.length, 'different filters have different channels');
}
