// A stream worker leaves while events flow, politely (SIGTERM) or not (SIGKILL): another one takes over its partitions, and
// at the subscribers nothing is lost and nothing doubled.

import t from 'tap';
import { closeAll } from '../integration/harness/close-all.ts';
import { settled, startEventStream } from '../integration/harness/event-stream.ts';
import { faultsOf, ledgerText, NO_FAULTS, sumOf } from '../integration/harness/ledger.ts';
import { LibrarySubscriber } from '../integration/harness/library-subscriber.ts';
import { MEASUREMENT_SCHEMA, type ModelledFilter } from '../integration/harness/measurement.ts';
import { startService } from '../integration/harness/service.ts';
import { until } from '../integration/harness/until.ts';

const EVENTS_PER_SECOND = 5000;
const PARTITIONS = 8;
const FILTERS: readonly ModelledFilter[] = [
  { cel: 'level >= HIGH', matches: ({ level }) => level === 'HIGH' || level === 'TOP' },
  { cel: 'active && count > 0', matches: ({ active, count }) => active && count > 0 },
  { cel: 'labels["region"] == "eu-west"', matches: ({ labels }) => labels.region === 'eu-west' },
  { cel: 'sequence % 10 == 3', matches: ({ sequence }) => sequence % 10 === 3 },
];
const PROGRESS_EVENTS = 300;
const TIMEOUT_MS = 30_000;
/** A killed worker is to be replaced within 5 s; the rest is for a busy machine. */
const REPLACED_TIMEOUT_MS = 10_000;

t.setTimeout(240_000);

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  t.test(`a worker gets ${signal} during the flow: nothing is lost or doubled at the subscribers`, async (t) => {
    const service = await startService(t, { workers: 2, edges: 2 });
    const topic = await service.createTopic({ name: 'loss', partitions: PARTITIONS, schema: MEASUREMENT_SCHEMA });
    const subscribers = FILTERS.map((filter, at) => {
      const connect = { url: service.edge(at % 2).clientUrl };
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
    const allReceive = (what: string): Promise<unknown> => {
      const targets = subscribers.map(({ subscriber }) => subscriber.received.length + PROGRESS_EVENTS);
      return until(what, TIMEOUT_MS, () =>
        subscribers.every(({ subscriber }, at) => subscriber.received.length >= (targets[at] ?? 0)),
      );
    };

    await allReceive('events before the loss');
    const [leaving, staying] = [service.worker(0), service.worker(1)];
    t.ok(await owns(leaving.name), 'the worker that leaves owns partitions');
    const leftMs = performance.now();
    leaving.signal(signal);
    await until('the other worker to own everything', REPLACED_TIMEOUT_MS, async () => !(await owns(leaving.name)));
    await service.assigned(topic.name, (workerId) => workerId === staying.name);
    t.comment(`replaced after ${Math.round(performance.now() - leftMs)} ms`);
    const end = await leaving.ended();
    t.equal(end.code, signal === 'SIGTERM' ? 0 : null, 'it ended as it should');
    await allReceive('events after the loss');
    await leaving.start();
    await until('the worker to get partitions again', TIMEOUT_MS, () => owns(leaving.name));
    await allReceive('events after its return');
    await stream.stop();

    const ledgers = await Promise.all(
      subscribers.map(({ filter, subscriber }) =>
        settled({ stream, filter, received: subscriber.received, after: subscriber.start }),
      ),
    );
    const reconnects = subscribers.reduce((sum, { subscriber }) => sum + subscriber.reconnects, 0);
    t.comment(`ledger: ${ledgerText(sumOf(ledgers))}; ${reconnects} reconnects`);
    for (const [at, ledger] of ledgers.entries()) t.same(faultsOf(ledger), NO_FAULTS, FILTERS[at]?.cel ?? '');
    t.same(
      subscribers.flatMap(({ subscriber }) => subscriber.gaps),
      [],
      'no subscriber was told of a gap',
    );

    async function owns(workerId: string): Promise<boolean> {
      const { topics } = await service.api.status();
      const partitions = topics.find(({ name }) => name === topic.name)?.partitions ?? [];
      return partitions.some((partition) => partition.workerId === workerId);
    }
  });
}
