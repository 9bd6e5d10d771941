// Consumer, producer and admin on a real Kafka.

import t from 'tap';
import {
  createAdmin,
  createConsumer,
  createProducer,
  type KafkaConsumer,
  type KafkaMessage,
} from '../../../platform/kafka.ts';
import { createLogger } from '../../../platform/log.ts';
import { acquireStack, createNamespace } from '../harness/stack.ts';

const stack = await acquireStack();
const { id } = await createNamespace(stack);
const connection = { brokers: stack.env.MDS_KAFKA_BROKERS ?? '', log: createLogger('test', 'silent') };
const admin = await createAdmin({ ...connection, name: 'test-admin' });
const producer = await createProducer({ ...connection, name: 'test-producer', maxInFlight: 100 });
t.teardown(async () => {
  await producer.disconnect();
  await admin.disconnect();
  await stack.release();
});

let topics = 0;
async function aTopic(partitions = 1): Promise<string> {
  const topic = `${id}.topic-${++topics}`;
  await admin.createTopic({ topic, partitions });
  return topic;
}

async function aConsumer(test: Pick<typeof t, 'teardown'>, groupId = `${id}-${topics}`): Promise<KafkaConsumer> {
  const consumer = await createConsumer({ ...connection, name: 'test-consumer', groupId });
  test.teardown(() => consumer.disconnect());
  return consumer;
}

const DEADLINE_MS = 20_000;
async function consumeAll(consumer: KafkaConsumer, count: number): Promise<KafkaMessage[]> {
  const messages: KafkaMessage[] = [];
  const deadlineMs = performance.now() + DEADLINE_MS;
  while (messages.length < count && performance.now() < deadlineMs) messages.push(...(await consumer.consume(1000)));
  return messages;
}

const textOf = ({ value }: KafkaMessage): string => String(value);

t.test('a topic is created once, described, and deleted once', async (t) => {
  const topic = `${id}.created`;
  const wanted = { topic, partitions: 3, retentionMs: 3_600_000, cleanupPolicy: 'delete' } as const;
  t.equal(await admin.createTopic(wanted), 'created');
  t.equal(await admin.createTopic(wanted), 'exists');
  t.strictSame(
    (await admin.describeTopic(topic))?.partitions.toSorted((a, b) => a.partition - b.partition),
    [0, 1, 2].map((partition) => ({ partition, hasLeader: true })),
  );
  t.ok((await admin.listTopics()).includes(topic));
  t.equal(await admin.deleteTopic(topic), 'deleted');
  t.equal(await admin.deleteTopic(topic), 'unknown');
  t.equal(await admin.describeTopic(topic), null);
});

t.test('a setting that Kafka refuses is an error with its reason', async (t) => {
  const topic = { topic: `${id}.refused`, partitions: 1, config: { 'no.such.setting': '1' } };
  await t.rejects(admin.createTopic(topic), {
    code: 'MDS_DEPENDENCY_UNAVAILABLE',
    message: /no\.such\.setting|config/i,
  });
});

t.test('partitions can be added', async (t) => {
  const topic = await aTopic(1);
  await admin.addPartitions(topic, 2);
  await t.rejects(admin.addPartitions(topic, 1), { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
  t.strictSame(await producer.produce(topic, 1, Buffer.from('x')), { partition: 1, offset: 0 });
});

t.test('what is produced is acknowledged with its offset, and consumed as it was', async (t) => {
  const topic = await aTopic(2);
  const around = new Uint8Array([9, 9, 0, 255, 7, 9]);
  t.strictSame(await producer.produce(topic, 1, around.subarray(2, 5), 'key', 1_700_000_000_123), {
    partition: 1,
    offset: 0,
  });
  t.strictSame(await producer.produce(topic, 1, null, Buffer.from('tombstone')), { partition: 1, offset: 1 });
  t.strictSame(await admin.queryWatermarkOffsets(topic, 1), { lowOffset: 0, highOffset: 2 });
  const consumer = await aConsumer(t);
  consumer.assign([{ topic, partition: 1, offset: 'earliest' }]);
  const [first, second] = await consumeAll(consumer, 2);
  t.match(first, { topic, partition: 1, offset: 0, timestamp: 1_700_000_000_123, value: Buffer.from([0, 255, 7]) });
  t.equal(String(first?.key), 'key');
  t.equal(second?.value, null);
});

t.test('equal keys go to one partition, the one that Java chooses', async (t) => {
  const topic = await aTopic(8);
  const places = await Promise.all(
    ['a', 'b', 'a', 'b'].map((key) => producer.produce(topic, null, Buffer.from('x'), key)),
  );
  t.equal(places[0]?.partition, places[2]?.partition);
  t.equal(places[1]?.partition, places[3]?.partition);
  // murmur2('a') and ('b') of org.apache.kafka.common.utils.Utils, made positive, modulo 8.
  t.strictSame(
    places.slice(0, 2).map((place) => place.partition),
    [murmur2('a') % 8, murmur2('b') % 8],
  );
});

t.test('many more records than may be in flight arrive, in order', async (t) => {
  const topic = await aTopic();
  const acknowledged: Promise<unknown>[] = [];
  let mostInFlight = 0;
  for (let i = 0; i < 2000; i++) {
    await producer.room();
    acknowledged.push(producer.produce(topic, 0, Buffer.from(String(i))));
    mostInFlight = Math.max(mostInFlight, producer.inFlight);
  }
  await Promise.all(acknowledged);
  t.ok(mostInFlight <= 100, `${mostInFlight} in flight`);
  const consumer = await aConsumer(t);
  consumer.assign([{ topic, partition: 0, offset: 0 }]);
  t.strictSame(
    (await consumeAll(consumer, 2000)).map(textOf),
    Array.from({ length: 2000 }, (_, i) => String(i)),
  );
});

t.test('calls that do not wait for room are queued up to a bound, then refused', async (t) => {
  const topic = await aTopic();
  const results = await Promise.allSettled(
    Array.from({ length: 250 }, (_, i) => producer.produce(topic, 0, Buffer.from(String(i)))),
  );
  t.equal(results.filter(({ status }) => status === 'fulfilled').length, 200);
  const refused = results.find((result) => result.status === 'rejected');
  t.match(refused, { reason: { code: 'MDS_DEPENDENCY_UNAVAILABLE', message: /room\(\)/ } });
});

t.test('a record that cannot be produced rejects, and others go on', async (t) => {
  const topic = await aTopic();
  const huge = producer.produce(topic, 0, new Uint8Array(20_000_000));
  const good = producer.produce(topic, 0, Buffer.from('good'));
  await t.rejects(huge, { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
  await t.rejects(producer.produce(topic, 77, Buffer.from('x')), { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
  t.strictSame(await good, { partition: 0, offset: 0 });
  await producer.flush(5000);
});

t.test('partitions come and go one by one without disturbing the others', async (t) => {
  const topic = await aTopic(3);
  for (const partition of [0, 1, 2]) await producer.produce(topic, partition, Buffer.from(`first of ${partition}`));
  const consumer = await aConsumer(t);
  consumer.incrementalAssign([{ topic, partition: 0, offset: 'earliest' }]);
  consumer.incrementalAssign([
    { topic, partition: 1, offset: 0 },
    { topic, partition: 2, offset: 'latest' },
  ]);
  t.strictSame((await consumeAll(consumer, 2)).map(textOf).sort(), ['first of 0', 'first of 1']);
  consumer.incrementalUnassign([{ topic, partition: 0 }]);
  await producer.produce(topic, 0, Buffer.from('not seen'));
  await producer.produce(topic, 1, Buffer.from('seen'));
  t.strictSame((await consumeAll(consumer, 1)).map(textOf), ['seen']);
  consumer.unassign();
  t.strictSame(await consumer.consume(10), []);
});

t.test('a paused partition waits in Kafka and goes on where it was', async (t) => {
  const topic = await aTopic();
  const consumer = await aConsumer(t);
  await producer.produce(topic, 0, Buffer.from('0'));
  consumer.assign([{ topic, partition: 0, offset: 0 }]);
  t.equal((await consumeAll(consumer, 1)).length, 1);
  consumer.pause([{ topic, partition: 0 }]);
  await producer.produce(topic, 0, Buffer.from('1'));
  t.strictSame(await consumer.consume(10), []);
  consumer.resume([{ topic, partition: 0 }]);
  t.strictSame((await consumeAll(consumer, 1)).map(textOf), ['1']);
});

t.test('committed offsets are there for the next consumer of the group', async (t) => {
  const topic = await aTopic(2);
  for (let i = 0; i < 4; i++) await producer.produce(topic, 0, Buffer.from(String(i)));
  const group = `${id}-commits`;
  const first = await aConsumer(t, group);
  const places = [0, 1].map((partition) => ({ topic, partition }));
  t.strictSame(
    (await first.committed(places)).map(({ offset }) => offset),
    [null, null],
  );
  t.strictSame(await first.committed([]), []);
  await first.commit([]);
  await first.commit([{ topic, partition: 0, offset: 1 }]);
  await Promise.all([2, 3].map((offset) => first.commit([{ topic, partition: 0, offset }])));
  const second = await aConsumer(t, group);
  t.strictSame(
    (await second.committed(places)).map(({ offset }) => offset),
    [3, null],
  );
  second.assign([{ topic, partition: 0, offset: 'committed' }]);
  t.strictSame((await consumeAll(second, 1)).map(textOf), ['3']);
});

// A worker that has paused for backpressure calls no consume(), and librdkafka hands out commit results only there.
t.test('a commit is confirmed although nobody consumes meanwhile', async (t) => {
  const topic = await aTopic();
  for (let i = 0; i < 10; i++) await producer.produce(topic, 0, Buffer.from(String(i)));
  const consumer = await aConsumer(t);
  consumer.assign([{ topic, partition: 0, offset: 0 }]);
  await consumer.commit([{ topic, partition: 0, offset: 5 }]);
  t.equal((await consumeAll(consumer, 10)).length, 10, 'and no record was taken by it');
});

t.test('a commit that Kafka refuses rejects with its reason', async (t) => {
  const consumer = await aConsumer(t);
  const commit = consumer.commit([{ topic: `${id}.no-such-topic`, partition: 0, offset: 5 }]);
  await t.rejects(commit, { code: 'MDS_DEPENDENCY_UNAVAILABLE', message: /Kafka \(commit\)/ });
  await t.rejects(consumer.queryWatermarkOffsets(`${id}.no-such-topic`, 0), { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
});

t.test('an offset that is gone is an error when the consumer asked for that', async (t) => {
  const topic = await aTopic();
  const groupId = `${id}-gone`;
  const consumer = await createConsumer({ ...connection, name: 'test-gone', groupId, offsetReset: 'error' });
  t.teardown(() => consumer.disconnect());
  consumer.assign([{ topic, partition: 0, offset: 1_000_000 }]);
  await t.rejects(consumeAll(consumer, 1), { code: 'MDS_DEPENDENCY_UNAVAILABLE', message: /consume/ });
});

t.test('a Kafka that is away is given up on after the time limit, or at the signal', async (t) => {
  const away = { ...connection, brokers: '127.0.0.1:1', name: 'test-away' };
  await t.rejects(createProducer({ ...away, connectTimeoutMs: 100 }), { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
  const controller = new AbortController();
  const connecting = createAdmin({ ...away, signal: controller.signal });
  controller.abort(new Error('stop'));
  await t.rejects(connecting, { message: 'stop' });
});

/** Kafka's murmur2, positive; from org.apache.kafka.common.utils.Utils. For keys below four bytes. */
function murmur2(key: string): number {
  const bytes = Buffer.from(key);
  const M = 0x5bd1e995;
  let hash = 0x9747b28c ^ bytes.length;
  if (bytes.length >= 3) hash ^= (bytes[2] ?? 0) << 16;
  if (bytes.length >= 2) hash ^= (bytes[1] ?? 0) << 8;
  if (bytes.length >= 1) hash = Math.imul(hash ^ (bytes[0] ?? 0), M);
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return (hash ^ (hash >>> 15)) & 0x7fffffff;
}
