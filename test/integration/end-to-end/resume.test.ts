// A client that dies, or loses its connection, again and again while events flow, and goes on with its token each time:
// its user sees every event once, in order.

import t from 'tap';
import { settled, startEventStream } from '../harness/event-stream.ts';
import { faultsOf, ledgerText, NO_FAULTS } from '../harness/ledger.ts';
import { LibrarySubscriber } from '../harness/library-subscriber.ts';
import { MEASUREMENT_SCHEMA, type ModelledFilter } from '../harness/measurement.ts';
import { percentile } from '../harness/percentile.ts';
import { randomInteger } from '../harness/random.ts';
import { startService } from '../harness/service.ts';
import { until } from '../harness/until.ts';

const INTERRUPTIONS = 50;
const EVENTS_PER_SECOND = 4000;
const FILTER: ModelledFilter = {
  cel: 'level >= HIGH && active',
  matches: (event) => event.active && (event.level === 'HIGH' || event.level === 'TOP'),
};
const MOST_EVENTS_BETWEEN = 300;
const PROGRESS_TIMEOUT_MS = 20_000;

t.setTimeout(180_000);

t.test('a client interrupted 50 times resumes by token without loss or duplicates', async (t) => {
  const service = await startService(t, { workers: 2, edges: 2 });
  const topic = await service.createTopic({ name: 'resume', partitions: 8, schema: MEASUREMENT_SCHEMA });
  const subscriber = new LibrarySubscriber({
    connect: { urls: service.edges.map(({ clientUrl }) => clientUrl) },
    topic: topic.name,
    filter: FILTER.cel,
  });
  t.teardown(() => subscriber.close());
  await subscriber.open();
  const stream = await startEventStream({
    brokers: service.stack.env.MDS_KAFKA_BROKERS ?? '',
    topic,
    eventsPerSecond: EVENTS_PER_SECOND,
  });
  t.teardown(() => stream.close());

  const resumedAfterMs: number[] = [];
  const receives = (count: number, what: string): Promise<boolean> =>
    until(
      what,
      PROGRESS_TIMEOUT_MS,
      () => subscriber.received.length >= count || subscriber.error !== null,
      () => `${subscriber.received.length} of ${count}; ${subscriber.state}`,
    );
  for (let interruption = 0; interruption < INTERRUPTIONS; interruption++) {
    // from a few events, which is in the middle of a replay, to some hundred, which is well behind it
    const more = 1 + randomInteger(interruption, 7, MOST_EVENTS_BETWEEN);
    await receives(subscriber.received.length + more, `more events before interruption ${interruption}`);
    const interruptedMs = performance.now();
    if (interruption % 2 === 0) {
      subscriber.kill();
      await subscriber.open();
    } else {
      subscriber.cutConnection();
    }
    await receives(subscriber.received.length + 1, `events after interruption ${interruption}`);
    resumedAfterMs.push(performance.now() - interruptedMs);
  }
  await stream.stop();
  const ledger = await settled({ stream, filter: FILTER, received: subscriber.received, after: subscriber.start });
  t.comment(`ledger: ${ledgerText(ledger)}`);
  t.comment(
    `${INTERRUPTIONS} interruptions; next event after P50 ${percentile(resumedAfterMs, 50).toFixed(0)} ms, ` +
      `P99 ${percentile(resumedAfterMs, 99).toFixed(0)} ms`,
  );
  t.equal(subscriber.error, null);
  t.same(subscriber.gaps, []);
  t.same(faultsOf(ledger), NO_FAULTS);
});
