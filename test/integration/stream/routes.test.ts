// Routes on real parts: what they write, and what they say when they cannot.

import t from 'tap';
import { aMeasurement, MEASUREMENT_SCHEMA, type Measurement } from '../harness/measurement.ts';
import { TestProducer } from '../harness/producer.ts';
import type { TopicInfo } from '../harness/rest-client.ts';
import { startService, type TestService } from '../harness/service.ts';
import { readTopic } from '../harness/topic-records.ts';
import { until } from '../harness/until.ts';

const TIMEOUT_MS = 40_000;
const OTHER_SCHEMA = {
  type: 'record',
  name: 'Other',
  fields: [{ name: 'unlike', type: { type: 'array', items: 'string' } }],
};

interface RouteInfo {
  readonly id: string;
  readonly filter: string;
  readonly workers: readonly {
    readonly state: string;
    readonly error: string | null;
    readonly forwardedEvents: number;
  }[];
}

t.setTimeout(120_000);
const service: TestService = await startService(t, { workers: 1, edges: 0 });
const brokers = service.stack.env.MDS_KAFKA_BROKERS ?? '';
const topicOf = (name: string, schema: unknown = MEASUREMENT_SCHEMA): Promise<TopicInfo> =>
  service.createTopic({ name, partitions: 1, schema });

t.test('matching events of batch records arrive one to a record, as they were, in order', async (t) => {
  const [source, target] = [await topicOf('batches'), await topicOf('singles')];
  await service.api.post('/v1/routes', {
    name: 'even',
    topic: source.name,
    target: target.name,
    filter: 'sequence % 2 == 0',
  });
  const producer = await TestProducer.connect<Measurement>(brokers, source);
  t.teardown(() => producer.close());
  const events = Array.from({ length: 40 }, (_, i) => aMeasurement(i));
  for (let i = 0; i < events.length; i += 10) await producer.send({ partition: 0, events: events.slice(i, i + 10) });
  await producer.flush();

  const expected = events.filter(({ sequence }) => sequence % 2 === 0);
  const end = async (): Promise<number> => (await records(target)).length;
  await until('the route to write', TIMEOUT_MS, async () => (await end()) === expected.length, end);
  const found = (await records(target)).map((value) => value.toString('latin1'));
  for (const [i, { id }] of expected.entries()) t.ok(found[i]?.includes(id), `${id} is in record ${i}`);
  const { workers } = await service.api.get<RouteInfo>('/v1/routes/even');
  t.match(workers, [{ state: 'running', error: null }]);
});

t.test('a target whose schema cannot take the events is told as the reason, and nothing is written', async (t) => {
  const [source, target] = [await topicOf('fits'), await topicOf('fits-not', OTHER_SCHEMA)];
  await service.api.post('/v1/routes', { name: 'misfit', topic: source.name, target: target.name, from: 'earliest' });
  const producer = await TestProducer.connect<Measurement>(brokers, source);
  t.teardown(() => producer.close());
  await producer.send({ partition: 0, events: [aMeasurement(1)] });
  await producer.flush();
  const state = () => service.api.get<RouteInfo>('/v1/routes/misfit');
  await until('the route to fail', TIMEOUT_MS, async () => (await state()).workers[0]?.state === 'failing', state);
  t.match((await state()).workers[0]?.error, /not backward compatible/);
  t.same(await records(target), []);
});

t.test('a route that would go round, also over another one, is refused', async (t) => {
  const [a, b, c] = [await topicOf('round-a'), await topicOf('round-b'), await topicOf('round-c')];
  await service.api.post('/v1/routes', { name: 'a-b', topic: a.name, target: b.name });
  await service.api.post('/v1/routes', { name: 'b-c', topic: b.name, target: c.name });
  const post = (topic: TopicInfo, target: TopicInfo) =>
    service.api.post('/v1/routes', { name: 'round', topic: topic.name, target: target.name });
  await t.rejects(post(c, a), /MDS_ROUTE_CIRCULAR/);
  await t.rejects(post(a, a), /MDS_ROUTE_CIRCULAR/);
  await t.rejects(
    service.api.post('/v1/routes', { name: 'x', topic: a.name, target: c.name, filter: 'nonsense == 1' }),
    /MDS_FILTER_UNKNOWN_FIELD/,
  );
});

/** Values of all committed records so far. */
async function records(topic: TopicInfo): Promise<Buffer[]> {
  return (await readTopic(brokers, { ...topic, committedOnly: true })).records.map(({ value }) => value);
}
