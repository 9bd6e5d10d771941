// The same subscription twice, once as JSON and once as raw Avro decoded by the client library: event by event the same,
// for single events and batch records, live and from the beginning.

import t from 'tap';
import { avscDecoder } from '../../../client/library/avsc-decoder.ts';
import { connect, type MdsClient } from '../../../client/library/index.ts';
import { beforeRecord } from '../../../schemas/cursor.ts';
import { encodeResumeToken } from '../../../schemas/resume-token.ts';
import { aMeasurement, MEASUREMENT_SCHEMA, type Measurement } from '../harness/measurement.ts';
import { TestProducer } from '../harness/producer.ts';
import { startService } from '../harness/service.ts';
import { until } from '../harness/until.ts';

const PARTITIONS = 3;
const RECORDS = 300;
const BATCH_EVENTS = 7;
const FILTER = 'value > 20.0';
const DELIVERED_TIMEOUT_MS = 30_000;

t.setTimeout(120_000);

/** Everything that one subscription receives, by partition and cursor. */
function collect(client: MdsClient, topic: string, resume?: string) {
  const events: { readonly place: string; readonly data: unknown }[] = [];
  let error: unknown = null;
  const subscription = client.subscribe(
    { topic, filter: FILTER, ...(resume === undefined ? {} : { resume }) },
    {
      onEvents: (batch) => {
        for (const { cursor, data } of batch.events) {
          events.push({ place: `${cursor.partition}:${cursor.offset}:${cursor.index}`, data });
        }
      },
      onGap: (gap) => void events.push({ place: 'gap', data: gap }),
      onEnd: (thrown) => {
        error = thrown;
      },
    },
  );
  const inOrder = () => events.toSorted((a, b) => a.place.localeCompare(b.place));
  return { subscription, events, inOrder, failure: () => error };
}

t.test('an Avro subscription has the same events as a JSON subscription, live and replayed', async (t) => {
  const service = await startService(t);
  const topic = await service.createTopic({ name: 'avro', partitions: PARTITIONS, schema: MEASUREMENT_SCHEMA });
  const api = service.controlPlane.httpUrl;
  const json = connect({ api });
  const avro = connect({ api, format: 'avro', avro: { decoder: avscDecoder } });
  t.teardown(() => {
    json.close();
    avro.close();
  });
  const live = { json: collect(json, topic.name), avro: collect(avro, topic.name) };
  await Promise.all([live.json.subscription.ready, live.avro.subscription.ready]);

  const producer = await TestProducer.connect<Measurement>(service.stack.env.MDS_KAFKA_BROKERS ?? '', topic);
  t.teardown(() => producer.close());
  let sequence = 0;
  for (let record = 0; record < RECORDS; record++) {
    const count = record % 3 === 0 ? 1 : BATCH_EVENTS;
    const events = Array.from({ length: count }, (_, at) => aMeasurement(sequence + at));
    await producer.send({ partition: record % PARTITIONS, events });
    sequence += count;
  }
  await producer.flush();
  const expected = producer.produced.filter(({ event }) => (event.value ?? 0) > 20).length;
  t.ok(expected > 100);
  const complete = (all: readonly ReturnType<typeof collect>[]) =>
    until(
      'all events',
      DELIVERED_TIMEOUT_MS,
      () => all.every(({ events }) => events.length >= expected),
      () => all.map(({ events, failure }) => `${events.length} of ${expected} ${failure() ?? ''}`).join(', '),
    );
  await complete([live.json, live.avro]);
  t.same(live.avro.inOrder(), live.json.inOrder());
  t.equal(live.json.events.length, expected);

  const beginning = new Map(Array.from({ length: PARTITIONS }, (_, partition) => [partition, beforeRecord(0)]));
  const token = encodeResumeToken({ topicId: topic.topicId, position: beginning });
  const replayed = collect(avro, topic.name, token);
  await complete([replayed]);
  t.same(replayed.inOrder(), live.json.inOrder());
});
