// What `why` says of events, on real parts: one that was acknowledged, one in flight, one that waits, one that a clause of
// the filter keeps out; found by cursor and by id.

import t from 'tap';
import { connect } from '../../../client/library/index.ts';
import { aMeasurement, MEASUREMENT_SCHEMA, type Measurement } from '../harness/measurement.ts';
import { TestProducer } from '../harness/producer.ts';
import { startService } from '../harness/service.ts';
import { until } from '../harness/until.ts';

const TIMEOUT_MS = 40_000;

interface Why {
  readonly verdict: string;
  readonly matches: boolean | null;
  readonly event: { readonly id: string } | null;
  readonly attempts: number | null;
  readonly clauses: readonly { readonly clause: string; readonly isTrue: boolean }[];
  readonly steps: readonly { readonly what: string; readonly consumer: string }[];
}

t.setTimeout(120_000);

t.test('each event is told what became of it', async (t) => {
  const service = await startService(t);
  const topic = await service.createTopic({ name: 'asked', partitions: 1, schema: MEASUREMENT_SCHEMA });
  await service.api.post('/v1/subscriptions', {
    name: 'some',
    topic: topic.name,
    filter: 'sequence % 2 == 0 && sequence < 100',
    maxInFlight: 2,
  });
  const producer = await TestProducer.connect<Measurement>(service.stack.env.MDS_KAFKA_BROKERS ?? '', topic);
  t.teardown(() => producer.close());
  const events = Array.from({ length: 12 }, (_, i) => aMeasurement(i));
  await producer.send({ partition: 0, events: events.slice(0, 6) });
  await producer.send({ partition: 0, events: events.slice(6) });
  await producer.flush();
  const placeOf = (sequence: number): string => {
    const found = producer.produced.find(({ event }) => event.sequence === sequence);
    return `${found?.partition}:${found?.offset}:${found?.index}`;
  };
  const why = (query: string): Promise<Why> => service.api.get(`/v1/subscriptions/some/why?${query}`);

  const client = connect({ url: service.edge(0).clientUrl });
  t.teardown(() => client.close());
  const deliveries = client
    .consume<Measurement>({ subscription: 'some', consumer: 'night-watch' })
    [Symbol.asyncIterator]();
  const first = await deliveries.next();
  if (first.done) throw new Error('nothing was delivered');
  t.equal(first.value.data.sequence, 0);
  await first.value.ack();
  await deliveries.next(); // in flight from now on

  const acknowledged = await until(
    'the acknowledgement to be told',
    TIMEOUT_MS,
    async () => {
      const answer = await why(`cursor=${placeOf(0)}`);
      return answer.verdict === 'acknowledged' ? answer : null;
    },
    () => why(`cursor=${placeOf(0)}`),
  );
  t.match(acknowledged, {
    matches: true,
    event: { id: events[0]?.id },
    steps: [
      { what: 'sent', consumer: 'night-watch' },
      { what: 'acknowledged', consumer: 'night-watch' },
    ],
  });
  t.match(await why(`cursor=${placeOf(2)}`), { verdict: 'inFlight', attempts: 1 });
  t.match(
    await why(`event=${events[10]?.id}`),
    { verdict: 'waiting', matches: true, steps: [] },
    'behind what is in flight',
  );
  t.match(await why(`event=${events[7]?.id}`), {
    verdict: 'notMatched',
    matches: false,
    clauses: [
      { clause: /% 2 == 0/, isTrue: false },
      { clause: /100/, isTrue: true },
    ],
  });
  await t.rejects(why('cursor=0:999'), /MDS_NOT_FOUND/);
  await t.rejects(why('event=no-such-event'), /MDS_NOT_FOUND/);
  await t.rejects(why('cursor=0:0&event=x'), /either cursor or event/);
});
