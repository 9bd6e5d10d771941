// Records that cannot be read: each is counted and kept with its reason and original bytes, and the events around it, in
// the same partition, arrive as if it had not been there.

import avro from 'avsc';
import t from 'tap';
import { readDeadLetters } from '../harness/dead-letters.ts';
import { faultsOf, ledgerText, NO_FAULTS, settle } from '../harness/ledger.ts';
import { aMeasurement, MEASUREMENT_SCHEMA, type Measurement } from '../harness/measurement.ts';
import { framed, TestProducer } from '../harness/producer.ts';
import { startService } from '../harness/service.ts';
import { until } from '../harness/until.ts';
import { WireSubscriber } from '../harness/wire-subscriber.ts';

const UNKNOWN_SCHEMA_ID = 999_999;
const EVENTS_BETWEEN = 20;
const TIMEOUT_MS = 30_000;

t.setTimeout(120_000);

t.test('bad records go to the dead-letter topic and stop nothing', async (t) => {
  const service = await startService(t);
  const brokers = service.stack.env.MDS_KAFKA_BROKERS ?? '';
  const topic = await service.createTopic({ name: 'bad', partitions: 1, schema: MEASUREMENT_SCHEMA });
  const connection = await WireSubscriber.connect(service.edge(0).clientUrl);
  t.teardown(() => connection.close());
  const subscription = await connection.subscribe({ id: 'all', topic: topic.name, fields: ['sequence'] });
  const producer = await TestProducer.connect<Measurement>(brokers, topic);
  t.teardown(() => producer.close());
  const letters = await readDeadLetters(brokers, 'default.dead-letter', topic.kafkaTopic);
  t.teardown(() => letters.close());

  const body = avro.Type.forSchema(MEASUREMENT_SCHEMA as unknown as avro.Schema).toBuffer(aMeasurement(0)); // same JSON
  const bad: readonly (readonly [reason: string, bytes: Buffer])[] = [
    ['MDS_SCHEMA_UNKNOWN_ID', framed(UNKNOWN_SCHEMA_ID, body)],
    ['MDS_RECORD_TRUNCATED', framed(topic.schemaId, body.subarray(0, body.length - 3))],
    ['MDS_RECORD_TRAILING_BYTES', framed(topic.schemaId, Buffer.concat([body, Buffer.from('rest')]))],
    ['MDS_RECORD_NOT_FRAMED', Buffer.from('{"this": "is JSON"}')],
  ];
  let sequence = 0;
  for (const [, bytes] of bad) {
    for (let i = 0; i < EVENTS_BETWEEN; i++) await producer.send({ partition: 0, events: [aMeasurement(sequence++)] });
    await producer.sendBytes(0, bytes);
  }
  await producer.send({ partition: 0, events: [aMeasurement(sequence++)] });
  await producer.flush();

  await until(
    'the events around the bad records',
    TIMEOUT_MS,
    () => subscription.received.length >= sequence,
    () => `${subscription.received.length} of ${sequence}`,
  );
  const ledger = settle({ produced: producer.produced, matches: () => true, received: subscription.received });
  t.comment(`ledger: ${ledgerText(ledger)}; bad records ${bad.length}`);
  t.same(faultsOf(ledger), NO_FAULTS);

  await until(
    'the dead letters',
    TIMEOUT_MS,
    () => letters.letters.length >= bad.length,
    () => letters.letters,
  );
  t.same(
    letters.letters.map(({ reason, value }) => [reason, value]),
    bad,
    'each with its reason and its original bytes, in order',
  );
  const status = await until('the count of rejected records', TIMEOUT_MS, async () => {
    const { workers } = await service.api.get<{ workers: { rejectedRecords: number }[] }>('/v1/status');
    return workers.some(({ rejectedRecords }) => rejectedRecords === bad.length) && workers;
  });
  t.ok(status);
});
