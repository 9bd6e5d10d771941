// The control plane is gone for 30 s while events flow: data goes on flowing, new subscriptions too; it comes back, and
// nothing needs a hand and no partition has moved.

import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { closeAll } from '../integration/harness/close-all.ts';
import { settled, startEventStream } from '../integration/harness/event-stream.ts';
import { faultsOf, ledgerText, NO_FAULTS } from '../integration/harness/ledger.ts';
import { LibrarySubscriber } from '../integration/harness/library-subscriber.ts';
import { MEASUREMENT_SCHEMA, type ModelledFilter } from '../integration/harness/measurement.ts';
import { startService } from '../integration/harness/service.ts';
import { until } from '../integration/harness/until.ts';

const EVENTS_PER_SECOND = 2000;
/** Ten times what it takes to declare a process dead: everything that could wrongly give up has done so by then. */
const OUTAGE_MS = 30_000;
const LOOK_EVERY_MS = 1000;
const FILTER: ModelledFilter = { cel: 'count >= 0', matches: ({ count }) => count >= 0 };
const TIMEOUT_MS = 30_000;

t.setTimeout(180_000);

t.test('data keeps flowing while the control plane is away for 30 s, and it comes back by itself', async (t) => {
  const service = await startService(t, { workers: 2, edges: 1 });
  const topic = await service.createTopic({ name: 'outage', partitions: 8, schema: MEASUREMENT_SCHEMA });
  const connect = { url: service.edge(0).clientUrl };
  const before = new LibrarySubscriber({ connect, topic: topic.name, filter: FILTER.cel });
  const during = new LibrarySubscriber({ connect, topic: topic.name, filter: 'level == TOP' });
  t.teardown(() => closeAll([before, during]));
  await before.open();
  const stream = await startEventStream({
    brokers: service.stack.env.MDS_KAFKA_BROKERS ?? '',
    topic,
    eventsPerSecond: EVENTS_PER_SECOND,
  });
  t.teardown(() => stream.close());
  await until('events before the outage', TIMEOUT_MS, () => before.received.length > 500);
  const owners = await ownersOf();

  await service.controlPlane.end('SIGKILL');
  const downMs = performance.now();
  let stalledLooks = 0;
  await during.open();
  while (performance.now() - downMs < OUTAGE_MS) {
    const count = before.received.length;
    await sleep(LOOK_EVERY_MS); // the outage itself is what is measured, not a wait for something
    if (before.received.length === count) stalledLooks += 1;
  }
  t.equal(stalledLooks, 0, 'events arrived in every second of the outage');
  t.ok(during.received.length > 0, 'a subscription made during the outage gets events');

  await service.controlPlane.start();
  await service.assigned(topic.name);
  t.same(await ownersOf(), owners, 'no partition has moved');
  const later = await service.createTopic({ name: 'later', partitions: 2, schema: MEASUREMENT_SCHEMA });
  t.equal(later.partitions, 2, 'a new topic is created and assigned');
  await stream.stop();

  const ledger = await settled({ stream, filter: FILTER, received: before.received, after: before.start });
  t.comment(`ledger: ${ledgerText(ledger)}; ${before.reconnects} reconnects`);
  t.same(faultsOf(ledger), NO_FAULTS);
  const lateFilter: ModelledFilter = { cel: 'level == TOP', matches: ({ level }) => level === 'TOP' };
  const late = await settled({ stream, filter: lateFilter, received: during.received, after: during.start });
  t.comment(`ledger of the subscription made during the outage: ${ledgerText(late)}`);
  t.same(faultsOf(late), NO_FAULTS);

  async function ownersOf(): Promise<unknown> {
    const { topics } = await service.api.status();
    const partitions = topics.find(({ name }) => name === topic.name)?.partitions ?? [];
    return partitions.map(({ partition, workerId, epoch }) => ({ partition, workerId, epoch }));
  }
});
