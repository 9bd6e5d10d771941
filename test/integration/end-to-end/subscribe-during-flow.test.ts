// Subscribing while 20,000 events a second flow: from the start position in the reply on, nothing is missing.

import t from 'tap';
import { closeAll } from '../harness/close-all.ts';
import { settled, startEventStream } from '../harness/event-stream.ts';
import { faultsOf, type Ledger, ledgerText, NO_FAULTS, sumOf } from '../harness/ledger.ts';
import { MEASUREMENT_SCHEMA, type ModelledFilter } from '../harness/measurement.ts';
import { percentile } from '../harness/percentile.ts';
import { startService } from '../harness/service.ts';
import { WireSubscriber, type WireSubscription } from '../harness/wire-subscriber.ts';

const EVENTS_PER_SECOND = 20_000;
const SUBSCRIBES = 200;
/** Every fourth asks for what another one has already: that channel is joined, or on its way. */
const DISTINCT_FILTERS = 150;
/** Subscribing at the same time, each on its own connection. */
const AT_ONCE = 8;

t.setTimeout(180_000);

interface Outcome {
  readonly filter: ModelledFilter;
  readonly subscription: WireSubscription;
  readonly tookMs: number;
}

t.test('from the start position in the reply nothing is missing, while 20,000 events flow a second', async (t) => {
  const service = await startService(t, { workers: 2, edges: 2 });
  const topic = await service.createTopic({ name: 'flow', partitions: 8, schema: MEASUREMENT_SCHEMA });
  const brokers = service.stack.env.MDS_KAFKA_BROKERS ?? '';
  const connections = await Promise.all(
    Array.from({ length: AT_ONCE }, (_, at) => WireSubscriber.connect(service.edge(at % 2).clientUrl)),
  );
  t.teardown(() => closeAll(connections));
  const stream = await startEventStream({ brokers, topic, eventsPerSecond: EVENTS_PER_SECOND });
  t.teardown(() => stream.close());

  let next = 0;
  const subscribeInTurn = async (connection: WireSubscriber): Promise<Outcome[]> => {
    const outcomes: Outcome[] = [];
    for (let at = next++; at < SUBSCRIBES; at = next++) {
      const count = at % DISTINCT_FILTERS;
      const filter = { cel: `count == ${count}`, matches: (event: { count: number }) => event.count === count };
      const startedMs = performance.now();
      const message = { id: `s${at}`, topic: topic.name, filter: filter.cel, fields: ['sequence'] };
      const subscription = await connection.subscribe(message);
      outcomes.push({ filter, subscription, tookMs: performance.now() - startedMs });
    }
    return outcomes;
  };
  const outcomes = (await Promise.all(connections.map(subscribeInTurn))).flat();
  await stream.stop();

  const ledgers: Ledger[] = [];
  for (const { filter, subscription } of outcomes) {
    const ledger = await settled({ stream, filter, received: subscription.received, after: subscription.start });
    ledgers.push(ledger);
    t.same(faultsOf(ledger), NO_FAULTS, `${subscription.id}: ${filter.cel}`);
  }
  const took = outcomes.map(({ tookMs }) => tookMs);
  t.comment(`ledger: ${ledgerText(sumOf(ledgers))}`);
  t.comment(
    `${SUBSCRIBES} subscribes at ${Math.round(stream.flow.perSecond() * 20)} events/s: ` +
      `P50 ${percentile(took, 50).toFixed(0)} ms, P99 ${percentile(took, 99).toFixed(0)} ms`,
  );
  t.equal(outcomes.length, SUBSCRIBES);
  t.ok(sumOf(ledgers).expected > 0, 'events arrived after the subscriptions');
});
