// A writer's schema evolves while a subscription runs: a field added, one removed, fields reordered, an int promoted to
// long, a union widened. Records of the old and the new schema keep flowing through the same subscription.

import t from 'tap';
import { aMeasurement, MEASUREMENT_SCHEMA, type Measurement } from '../harness/measurement.ts';
import { TestProducer } from '../harness/producer.ts';
import { startService } from '../harness/service.ts';
import { until } from '../harness/until.ts';
import { WireSubscriber } from '../harness/wire-subscriber.ts';

const EVENTS_PER_TURN = 300;
const TIMEOUT_MS = 30_000;

t.setTimeout(120_000);

type Field = { readonly name: string; readonly type: unknown; readonly default?: unknown };

function evolvedSchema(): unknown {
  const fields: readonly Field[] = MEASUREMENT_SCHEMA.fields;
  const changed = fields
    .filter(({ name }) => name !== 'note')
    .map((field) => {
      if (field.name === 'count') return { ...field, type: 'long' };
      if (field.name === 'ratio') return { ...field, type: 'double' };
      if (field.name === 'value') return { ...field, type: ['null', 'double', 'string'] };
      return field;
    });
  return {
    ...MEASUREMENT_SCHEMA,
    fields: [{ name: 'origin', type: 'string', default: 'unknown' }, ...changed.reverse()],
  };
}

t.test('records of an old and a new writer schema flow through the same subscriptions', async (t) => {
  const service = await startService(t);
  const brokers = service.stack.env.MDS_KAFKA_BROKERS ?? '';
  const topic = await service.createTopic({ name: 'evolving', partitions: 2, schema: MEASUREMENT_SCHEMA });
  const connection = await WireSubscriber.connect(service.edge(0).clientUrl);
  t.teardown(() => connection.close());
  const byCount = await connection.subscribe({
    id: 'count',
    topic: topic.name,
    filter: 'count < 0 && ratio > 10.0',
    fields: ['id', 'count', 'ratio'],
  });
  const byValue = await connection.subscribe({
    id: 'value',
    topic: topic.name,
    filter: 'value != null && value > 50.0',
    fields: ['id', 'value'],
  });

  const registered = await fetch(`${service.stack.env.MDS_REGISTRY_URL}/subjects/${topic.subject}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify(evolvedSchema()) }),
  });
  const { id: evolvedId } = (await registered.json()) as { id: number };
  t.ok(registered.ok, 'the registry accepts the evolved schema as backward compatible');
  const old = await TestProducer.connect<Measurement>(brokers, topic);
  const evolved = await TestProducer.connect<Measurement>(brokers, {
    ...topic,
    schemaId: evolvedId,
    schema: evolvedSchema(),
  });
  t.teardown(() => Promise.all([old.close(), evolved.close()]));

  const events: Measurement[] = [];
  for (let sequence = 0; sequence < EVENTS_PER_TURN * 4; sequence++) {
    const event = aMeasurement(sequence);
    const writer = Math.floor(sequence / EVENTS_PER_TURN) % 2 === 0 ? old : evolved;
    events.push(event);
    await writer.send({ partition: sequence % 2, events: [event] });
  }
  await Promise.all([old.flush(), evolved.flush()]);

  const expectCount = events.filter(({ count, ratio }) => count < 0 && ratio > 10);
  const expectValue = events.filter(({ value }) => value !== null && value > 50);
  await until(
    'the events of both schemas',
    TIMEOUT_MS,
    () => byCount.received.length >= expectCount.length && byValue.received.length >= expectValue.length,
    () => `${byCount.received.length} of ${expectCount.length}, ${byValue.received.length} of ${expectValue.length}`,
  );
  t.same(
    sortedById(byCount.received),
    sortedById(expectCount.map(({ id, count, ratio }) => ({ data: { id, count, ratio } }))),
  );
  t.same(sortedById(byValue.received), sortedById(expectValue.map(({ id, value }) => ({ data: { id, value } }))));
});

const idOf = (data: unknown): string =>
  typeof data === 'object' && data !== null && 'id' in data ? String(data.id) : '';

const sortedById = (received: readonly { readonly data: unknown }[]): unknown[] =>
  received.map(({ data }) => data).sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
