// A route copies matching events into another topic while the workers that run it are killed, again and again. A consumer
// that reads committed records must find each matching event once, and in the order of its partition.

import avro from 'avsc';
import kafka from 'node-rdkafka';
import t from 'tap';
import { startEventStream } from '../integration/harness/event-stream.ts';
import { MEASUREMENT_SCHEMA, type Measurement } from '../integration/harness/measurement.ts';
import type { TopicInfo } from '../integration/harness/rest-client.ts';
import { startService } from '../integration/harness/service.ts';
import { until } from '../integration/harness/until.ts';

const EVENTS_PER_SECOND = 2000;
const KILLS = 4;
const CONFLUENT_HEADER_BYTES = 5;
/** An expelled member's session (6 s), a transaction left open (10 s), and a slow machine. */
const TAKEN_OVER_TIMEOUT_MS = 60_000;

t.setTimeout(240_000);

t.test('kill -9 of workers in mid-transaction neither loses nor doubles an event of a route', async (t) => {
  const service = await startService(t, { workers: 2, edges: 0 });
  const source = await service.createTopic({ name: 'source', partitions: 4, schema: MEASUREMENT_SCHEMA });
  const target = await service.createTopic({ name: 'target', partitions: 2, schema: MEASUREMENT_SCHEMA });
  const brokers = service.stack.env.MDS_KAFKA_BROKERS ?? '';
  await service.api.post('/v1/routes', {
    name: 'high',
    topic: source.name,
    target: target.name,
    filter: 'level >= HIGH',
    from: 'earliest',
  });
  const reader = await readCommitted(brokers, target);
  t.teardown(() => reader.close());
  const stream = await startEventStream({
    brokers,
    topic: source,
    eventsPerSecond: EVENTS_PER_SECOND,
    recordEvents: 5,
  });
  t.teardown(() => stream.close());

  for (let kill = 0; kill < KILLS; kill++) {
    const before = reader.sequences.length;
    await until('the route to write', TAKEN_OVER_TIMEOUT_MS, () => reader.sequences.length > before + 200);
    const victim = service.worker(kill % 2);
    victim.signal('SIGKILL');
    await victim.ended();
    await victim.start();
  }
  await stream.stop();
  const expected = stream.producer.produced.filter(({ event }) => event.level === 'HIGH' || event.level === 'TOP');
  await until(
    'every matching event to be in the target',
    TAKEN_OVER_TIMEOUT_MS,
    () => reader.sequences.length >= expected.length,
    () => `${reader.sequences.length} of ${expected.length}`,
  );
  const unique = new Set(reader.sequences);
  t.comment(`${expected.length} expected, ${reader.sequences.length} read, ${KILLS} kills`);
  t.equal(unique.size, reader.sequences.length, 'none stands twice');
  t.same(
    [...unique].sort((a, b) => a - b),
    expected.map(({ event }) => event.sequence).sort((a, b) => a - b),
    'each is there, and nothing else',
  );
});

interface CommittedReader {
  readonly sequences: number[];
  close(): Promise<void>;
}

async function readCommitted(
  brokers: string,
  { kafkaTopic: topic, partitions, schema }: TopicInfo,
): Promise<CommittedReader> {
  const consumer = new kafka.KafkaConsumer(
    { 'metadata.broker.list': brokers, 'group.id': `reader-of-${topic}`, 'isolation.level': 'read_committed' },
    {},
  );
  await new Promise<void>((resolve, reject) => consumer.connect({}, (error) => (error ? reject(error) : resolve())));
  const type = avro.Type.forSchema(schema as avro.Schema);
  const sequences: number[] = [];
  consumer.on('data', ({ value }) => {
    const event: Measurement = type.fromBuffer((value ?? Buffer.alloc(0)).subarray(CONFLUENT_HEADER_BYTES));
    sequences.push(Number(event.sequence));
  });
  consumer.assign(Array.from({ length: partitions }, (_, partition) => ({ topic, partition, offset: 0 })));
  consumer.consume();
  return { sequences, close: () => new Promise((resolve) => consumer.disconnect(() => resolve())) };
}
