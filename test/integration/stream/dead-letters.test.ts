// Dead letters of durable subscriptions: an edge asks through Redis, a stream worker writes them with the original bytes.

import t from 'tap';
import { type DeadLetterRequest, durableKeys } from '../../../schemas/durable.ts';
import { readDeadLetters } from '../harness/dead-letters.ts';
import { acquireStack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';
import { deleteRecords } from './delete-records.ts';
import { anEvent, encoder, Stage } from './stage.ts';

t.setTimeout(180_000);
const WAIT_MS = 40_000;
const stack = await acquireStack();
const stage = await Stage.start(stack);
t.teardown(async () => {
  await stage.stop();
  await stack.release();
});
const keys = durableKeys(stage.id);
await stage.aWorker('w1');

const define = (id: string) => stage.redis.hset(keys.definitions, id, '{}');
const ask = (request: DeadLetterRequest) => stage.redis.lpush(keys.deadLetters, JSON.stringify(request));
const written = (id: string, shard: number, field: string) =>
  until(`${field} to be written`, WAIT_MS, () => stage.redis.hget(keys.dead(id, shard), field));
const aRequest = (given: Partial<DeadLetterRequest>): DeadLetterRequest => ({
  subscription: 'sub-1',
  subscriptionName: 'on-call',
  shard: 0,
  topicId: 0,
  cursor: [0, 0, 0],
  attempts: 5,
  reason: 'MDS_NOT_ACKNOWLEDGED',
  consumer: 'pager-1',
  ...given,
});

t.test(
  'an event that is given up stands in the dead-letter topic with its bytes before its edge is told',
  async (t) => {
    const topic = await stage.aTopic(2);
    const encode = encoder(topic.schemaId, JSON.parse(topic.schema));
    const values = [encode(anEvent()), encode(anEvent()), encode(anEvent())];
    for (const value of values) await stage.produce(topic, 1, value, 'the key');
    await define('sub-1');
    const told: string[] = [];
    const listener = stage.redis.duplicate({ enableOfflineQueue: true });
    t.teardown(() => listener.disconnect());
    listener.on('message', (_channel, id: string) => told.push(id));
    await listener.subscribe(keys.notify);
    const { topicId } = topic;
    await ask(aRequest({ topicId, cursor: [1, 2, 0], reason: 'the ticket system said no', shard: 3 }));
    await ask(aRequest({ topicId, cursor: [1, 0, 0] }));
    await written('sub-1', 3, '1/2/0');
    t.equal(await written('sub-1', 0, '1/0/0'), '5');
    const reader = await readDeadLetters(stage.env.MDS_KAFKA_BROKERS ?? '', topic.deadLetterTopic, topic.kafkaTopic);
    t.teardown(reader.close);
    await until('both letters', WAIT_MS, () => reader.letters.length === 2);
    reader.letters.sort((a, b) => a.offset - b.offset);
    t.match(reader.letters[0], {
      topic: topic.kafkaTopic,
      partition: 1,
      offset: 0,
      index: 0,
      reason: 'MDS_NOT_ACKNOWLEDGED',
      message: /delivered 5 times/,
      subscription: 'sub-1',
      subscriptionName: 'on-call',
      shard: 0,
      attempts: 5,
      consumer: 'pager-1',
    });
    t.match(reader.letters[1], {
      offset: 2,
      shard: 3,
      reason: 'MDS_EVENT_REFUSED',
      message: /the ticket system said no/,
    });
    t.same(reader.letters[0]?.value, Buffer.from(values[0] ?? []), 'original bytes');
    await until('the edge to be told', WAIT_MS, () => told.includes('sub-1'));
  },
);

t.test('a record that Kafka no longer has is a dead letter without bytes that says so', async (t) => {
  const topic = await stage.aTopic(1);
  const encode = encoder(topic.schemaId, JSON.parse(topic.schema));
  for (let i = 0; i < 4; i++) await stage.produce(topic, 0, encode(anEvent()));
  await deleteRecords(stage.env.MDS_KAFKA_BROKERS ?? '', topic.kafkaTopic, 0, 2);
  await define('sub-2');
  for (const offset of [1, 3]) {
    await ask(aRequest({ subscription: 'sub-2', topicId: topic.topicId, cursor: [0, offset, 0] }));
  }
  await written('sub-2', 0, '0/1/0');
  await written('sub-2', 0, '0/3/0');
  const reader = await readDeadLetters(stage.env.MDS_KAFKA_BROKERS ?? '', topic.deadLetterTopic, topic.kafkaTopic);
  t.teardown(reader.close);
  await until('both letters', WAIT_MS, () => reader.letters.length === 2);
  const byOffset = new Map(reader.letters.map((letter) => [letter.offset, letter]));
  t.match(byOffset.get(1), { reason: 'MDS_RECORD_GONE', value: null, message: /no longer holds.*not acknowledged/ });
  t.match(byOffset.get(3), { reason: 'MDS_NOT_ACKNOWLEDGED', value: Buffer });
});

t.test('what cannot be read, or belongs to nobody any more, holds nothing up and leaves nothing behind', async (t) => {
  const topic = await stage.aTopic(1);
  const encode = encoder(topic.schemaId, JSON.parse(topic.schema));
  await stage.produce(topic, 0, encode(anEvent()));
  await stage.redis.lpush(keys.deadLetters, 'no JSON', '{"subscription": 1}');
  await ask(aRequest({ subscription: 'deleted', topicId: topic.topicId }));
  await define('sub-3');
  await ask(aRequest({ subscription: 'sub-3', topicId: 987_654 }));
  await ask(aRequest({ subscription: 'sub-3', topicId: topic.topicId }));
  await written('sub-3', 0, '0/0/0');
  t.equal(await stage.redis.exists(keys.dead('deleted', 0)), 0);
  t.equal(await stage.redis.llen(keys.deadLetters), 0);
});

t.test('asked again it is written again, with the same key, for readers to know it by', async (t) => {
  const topic = await stage.aTopic(1);
  const encode = encoder(topic.schemaId, JSON.parse(topic.schema));
  await stage.produce(topic, 0, encode(anEvent()));
  await define('sub-4');
  const request = aRequest({ subscription: 'sub-4', topicId: topic.topicId });
  for (let i = 0; i < 2; i++) {
    await ask(request);
    await written('sub-4', 0, '0/0/0');
    await stage.redis.hdel(keys.dead('sub-4', 0), '0/0/0');
  }
  const reader = await readDeadLetters(stage.env.MDS_KAFKA_BROKERS ?? '', topic.deadLetterTopic, topic.kafkaTopic);
  t.teardown(reader.close);
  await until('both letters', WAIT_MS, () => reader.letters.length === 2);
  t.same(
    reader.letters.map(({ recordKey }) => recordKey?.toString()),
    ['sub-4/0/0/0', 'sub-4/0/0/0'],
  );
});
