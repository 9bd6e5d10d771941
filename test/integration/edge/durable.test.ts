// Durable subscriptions with real sockets and a real Redis: what a consumer meets.

import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { cursorField, type DeadLetterRequest } from '../../../schemas/durable.ts';
import { SUBPROTOCOL_AVRO } from '../../../schemas/frames.ts';
import { PlayedDurables, TestConsumer } from './durable-harness.ts';
import { startEdgeUnderTest, TestClient, until } from './edge-harness.ts';

const PARTITIONS = 2;
/** Longer than an edge believes in anything that is missing. */
const FORGOTTEN_MS = 4500;
const edge = await startEdgeUnderTest({ MDS_EDGE_POSITION_INTERVAL_MS: '300' }, PARTITIONS);
edge.worker.run();
const durables = new PlayedDurables(edge, PARTITIONS);
t.teardown(async () => {
  durables.stop();
  await edge.stop();
});

let produced = 0;
/** Events of partition 0. @returns their numbers */
function produce(count: number, padBytes = 0): number[] {
  return Array.from({ length: count }, () => {
    edge.worker.produce(0, produced, padBytes);
    return produced++;
  });
}

/** A position behind everything that was produced so far. */
const now = (revision = 1) => ({
  revision,
  position: [[0, produced - 1, 0x7fffffff] as [number, number, number]],
});

t.test(
  'a consumer gets what was there before it came and what comes after, and acknowledges it for good',
  async (t) => {
    const before = produce(3);
    await durables.create('first');
    const consumer = await TestConsumer.open(edge.url, 'first-name', 'one');
    await consumer.becomes('active', 1);
    t.match(consumer.consuming, { subscription: 'first', name: 'first-name', shards: [0], shardCount: 1 });
    await consumer.has(3);
    const after = produce(2);
    const got = await consumer.has(5);
    t.same(consumer.numbers, [...before, ...after]);
    t.ok(got.every(({ attempt }) => attempt === 1));
    await consumer.ack(got.slice(0, 2).map(({ cursor }) => cursor));
    t.same((await durables.state('first')).floor[0], [0, 1, 0], 'stored when it says so');
    await consumer.ackUpTo([got[4]?.cursor ?? [0, 0, 0]]);
    const state = await durables.state('first');
    t.same(state.attempts, []);
    await until('ledger', async () => (await durables.ledger('first')).acknowledged === 5);
    t.match(await durables.ledger('first'), { matched: 5, sent: 5, acknowledged: 5 });
    consumer.kill();
  },
);

t.test('when the active consumer is gone, the next takes over and gets what was not acknowledged again', async (t) => {
  await durables.create('takeover', { seek: now() });
  const one = await TestConsumer.open(edge.url, 'takeover', 'one');
  await one.becomes('active');
  const two = await TestConsumer.open(edge.url, 'takeover', 'two');
  t.equal(two.consuming.state, 'standby');
  const numbers = produce(4);
  const got = await one.has(4);
  await one.ack([got[1]?.cursor ?? [0, 0, 0]]);
  one.kill();
  await two.becomes('active');
  const again = await two.has(3);
  t.same(
    again.map(({ n, attempt }) => [n, attempt]),
    [numbers[0], numbers[2], numbers[3]].map((n) => [n, 2]),
  );
  two.kill();
});

t.test('a consumer of the same name takes over from the older connection at once', async (t) => {
  await durables.create('same', { seek: now() });
  const older = await TestConsumer.open(edge.url, 'same', 'me');
  await older.becomes('active');
  const other = await TestConsumer.open(edge.url, 'same', 'other');
  const newer = await TestConsumer.open(edge.url, 'same', 'me');
  t.match(await older.client.next('error'), { id: 'c', code: 'MDS_CONSUMER_SUPERSEDED', retryable: false });
  await newer.becomes('active');
  t.equal(other.consuming.state, 'standby', 'its place is kept');
  const numbers = produce(1);
  await newer.has(1);
  t.same(newer.numbers, numbers);
  for (const consumer of [older, other, newer]) consumer.kill();
});

t.test('what a client says of its last connection counts, although its shard is still on its way to it', async (t) => {
  await durables.create('early-ack', { seek: now() });
  const older = await TestConsumer.open(edge.url, 'early-ack', 'me');
  const numbers = produce(2);
  const got = await older.has(2);
  const client = await TestClient.open(edge.url);
  client.say({ type: 'consume', id: 'c', subscription: 'early-ack', consumer: 'me' });
  client.say({ type: 'ack', id: 'c', seq: 1, cursors: [got[0]?.cursor] });
  await client.next('acked');
  const open = (await durables.state('early-ack')).attempts.map(([, offset]) => offset);
  t.same(open, [numbers[1]]);
  await client.next('events');
  t.match(client.of('events')[0]?.events, { length: 1, 0: { data: { n: numbers[1] } } });
  older.kill();
  client.close();
});

t.test('what is rejected comes again, and becomes a dead letter after the last attempt', async (t) => {
  await durables.create('poison', { seek: now(), maxAttempts: 2 });
  const consumer = await TestConsumer.open(edge.url, 'poison', 'one');
  const [bad, good] = produce(2);
  const [first, second] = await consumer.has(2);
  if (!first || !second) return t.fail('no events');
  await consumer.ack([second.cursor]);
  await consumer.nack([first.cursor], { reason: 'cannot be parsed' });
  const [, , again] = await consumer.has(3);
  t.match(again, { n: bad, attempt: 2 });
  await consumer.nack([first.cursor], { reason: 'still cannot' });
  const asked = await until2('a request', () => durables.redis.rpop(durables.keys.deadLetters));
  const request: DeadLetterRequest = JSON.parse(asked);
  t.match(request, {
    subscription: 'poison',
    subscriptionName: 'poison-name',
    cursor: first.cursor,
    attempts: 2,
    reason: 'still cannot',
    consumer: 'one',
  });
  t.equal((await durables.state('poison')).attempts.length, 1, 'it holds the floor');
  const askedAgain = await until2('another request', () => durables.redis.rpop(durables.keys.deadLetters));
  t.equal(askedAgain, asked);
  await durables.redis.hset(durables.keys.dead('poison', 0), cursorField(...first.cursor), 2);
  await until('settled', async () => (await durables.state('poison')).attempts.length === 0);
  await until('forgotten', async () => (await durables.redis.hlen(durables.keys.dead('poison', 0))) === 0);
  t.match(await durables.ledger('poison'), {
    matched: 2,
    acknowledged: 1,
    deadLettered: 1,
    negative: 2,
    redelivered: 1,
  });
  const trail = await durables.redis.xrange(durables.keys.trail('poison'), '-', '+');
  t.same(
    trail.map(([, [, text]]) => JSON.parse(text ?? '').what).filter((what) => what !== 'sent'),
    ['acknowledged', 'negative', 'redelivered', 'negative', 'deadLettered'],
  );
  t.equal(consumer.numbers.filter((n) => n === good).length, 1);
  consumer.kill();
});

t.test('a redriven event is delivered again, and the answer is written down', async (t) => {
  const [n] = produce(1);
  const cursor = [0, n ?? 0, 0] as const;
  await durables.create('redriven', { seek: now() });
  const consumer = await TestConsumer.open(edge.url, 'redriven', 'one');
  await consumer.becomes('active');
  const wanted = JSON.stringify({ state: 'wanted', deadLetterId: 'd1' });
  await durables.redis.hset(durables.keys.redrive('redriven', 0), cursorField(...cursor), wanted);
  await durables.redis.publish(durables.keys.notify, 'redriven');
  const [got] = await consumer.has(1);
  t.match(got, { n, attempt: 1 });
  await consumer.ack([cursor]);
  const answer = async () =>
    JSON.parse((await durables.redis.hget(durables.keys.redrive('redriven', 0), cursorField(...cursor))) ?? '{}');
  await until('an answer', async () => (await answer()).state === 'acknowledged');
  t.equal((await answer()).deadLetterId, 'd1');
  const later = produce(1);
  await consumer.has(2);
  t.same(consumer.numbers, [n, ...later], 'once');
  consumer.kill();
});

t.test('a consumer has no more in flight than it wants, and the rest follows as it acknowledges', async (t) => {
  await durables.create('bounded', { seek: now(), maxInFlight: 10 });
  const numbers = produce(200);
  const consumer = await TestConsumer.open(edge.url, 'bounded', 'one', { maxInFlight: 3 });
  t.equal(consumer.consuming.maxInFlight, 3);
  for (let done = 0; done < 200; ) {
    const got = await consumer.has(Math.min(200, done + 3));
    t.ok(got.length <= done + 3, 'never more');
    await consumer.ack(got.slice(done).map(({ cursor }) => cursor));
    done = got.length;
  }
  t.same(consumer.numbers, numbers);
  consumer.kill();
});

t.test('live events that a full consumer cannot take are read from Kafka later, in order', async (t) => {
  await durables.create('behind', { seek: now(), maxInFlight: 5 });
  const consumer = await TestConsumer.open(edge.url, 'behind', 'one');
  await consumer.becomes('active');
  const numbers = produce(60, 50_000); // three times the backlog
  for (let done = 0; done < 60; ) {
    const got = await consumer.has(done + 1);
    await consumer.ack(got.slice(done).map(({ cursor }) => cursor));
    done = got.length;
  }
  t.same(consumer.numbers, numbers);
  consumer.kill();
});

t.test('a paused subscription gives nothing out but takes acknowledgements, and goes on where it stood', async (t) => {
  const definition = await durables.create('paused', { seek: now() });
  const consumer = await TestConsumer.open(edge.url, 'paused', 'one');
  await consumer.becomes('active');
  const first = produce(1);
  const [got] = await consumer.has(1);
  await durables.write({ ...definition, state: 'paused', revision: 2 });
  await consumer.becomes('paused');
  const second = produce(1);
  await consumer.ack([got?.cursor ?? [0, 0, 0]]);
  t.same(consumer.numbers, first);
  await durables.write({ ...definition, state: 'active', revision: 3 });
  await consumer.has(2);
  t.same(consumer.numbers, [...first, ...second]);
  consumer.kill();
});

t.test('a seek begins anew where it says, and forgets what was in flight', async (t) => {
  const seek = now();
  const definition = await durables.create('sought', { seek });
  const consumer = await TestConsumer.open(edge.url, 'sought', 'one');
  const numbers = produce(3);
  const got = await consumer.has(3);
  await consumer.ack(got.map(({ cursor }) => cursor));
  await durables.write({ ...definition, seek: { ...seek, revision: 2 }, revision: 2 });
  await consumer.has(6);
  t.same(consumer.numbers, [...numbers, ...numbers]);
  t.equal(consumer.consuming.seekRevision, 2);
  await durables.write({ ...definition, seek: now(3), revision: 3 });
  await until('the seek is stored', async () => (await durables.state('sought')).seekRevision === 3);
  t.same((await durables.state('sought')).attempts, []);
  await until('skipped', async () => (await durables.ledger('sought')).skipped === 3);
  consumer.kill();
});

t.test('where Kafka has lost events, the consumer is told the range and gets what is left', async (t) => {
  const seek = now();
  const observer = await TestClient.open(edge.url);
  await observer.subscribe('o');
  produce(4);
  const left = produce(2);
  // else they may be on the lane still, and reach the consumer live
  await until('the edge to be behind them', () => observer.numbers().get(0)?.at(-1) === left[1]);
  observer.close();
  edge.worker.firstOffset = (left[0] ?? 0) as number;
  await durables.create('lossy', { seek });
  const consumer = await TestConsumer.open(edge.url, 'lossy', 'one');
  const gap = await consumer.client.next('gap');
  t.match(gap, { id: 'c', partition: 0, code: 'MDS_REPLAY_EXPIRED' });
  await consumer.has(2);
  t.same(consumer.numbers, left);
  await consumer.ack(consumer.got.map(({ cursor }) => cursor));
  await until('expired', async () => (await durables.ledger('lossy')).expired === 4);
  edge.worker.firstOffset = 0;
  consumer.kill();
});

t.test('a quiet subscription moves its position on with the stream', async (t) => {
  await durables.create('quiet', { seek: now() });
  const consumer = await TestConsumer.open(edge.url, 'quiet', 'one');
  await consumer.becomes('active');
  const last = produce(1)[0] ?? 0;
  const [got] = await consumer.has(1);
  await consumer.ack([got?.cursor ?? [0, 0, 0]]);
  await until('behind the record', async () => {
    const [, offset, index] = (await durables.state('quiet')).floor.find(([partition]) => partition === 0) ?? [];
    return offset === last && index === 0x7fffffff;
  });
  t.pass();
  consumer.kill();
});

t.test('what cannot be consumed is refused with the reason', async (t) => {
  const client = await TestClient.open(edge.url);
  client.say({ type: 'consume', id: 'x', subscription: 'nobody', consumer: 'one' });
  t.match(await client.next('error'), { id: 'x', code: 'MDS_SUBSCRIPTION_UNKNOWN' });
  client.close();
  await durables.create('json-only', { seek: now() });
  const avro = await TestClient.open(edge.url, [SUBPROTOCOL_AVRO]);
  avro.say({ type: 'consume', id: 'x', subscription: 'json-only', consumer: 'one' });
  t.match(await avro.next('error'), { id: 'x', code: 'MDS_DURABLE_NEEDS_JSON' });
  avro.close();
});

t.test('a subscription without a state waits until there is one', async (t) => {
  const definition = durables.definition('early', { seek: now() });
  await durables.write(definition);
  const consumer = await TestConsumer.open(edge.url, 'early', 'one');
  t.equal(consumer.consuming.state, 'standby');
  await durables.putState(definition, 0);
  await durables.redis.publish(durables.keys.notify, 'early');
  await consumer.becomes('active');
  consumer.kill();
});

t.test('a Redis that was restarted and is being filled again deletes no subscription', async (t) => {
  // The catalog came back before the definitions, whose Postgres could not be reached: consumers were ended for good.
  const definition = await durables.create('forgotten', { seek: now() });
  const consumer = await TestConsumer.open(edge.url, 'forgotten', 'one');
  await consumer.becomes('active');
  await durables.redis.del(durables.keys.definitionsComplete);
  await durables.redis.hdel(durables.keys.definitions, 'forgotten');
  const late = await TestClient.open(edge.url);
  late.say({ type: 'consume', id: 'late', subscription: 'forgotten-too', consumer: 'one' });
  const refused = late.next('error');
  const early = await Promise.race([refused, delay(FORGOTTEN_MS)]);
  t.equal(early, undefined, 'whoever asks now waits');
  t.same(consumer.client.of('error'), [], 'and whoever was there stays');
  await durables.complete();
  t.match(await refused, { id: 'late', code: 'MDS_SUBSCRIPTION_UNKNOWN' });
  late.close();
  await durables.write(definition);
  produce(1);
  await consumer.has(1);
  consumer.kill();
});

t.test('the consumers of a deleted subscription are told', async (t) => {
  await durables.create('deleted', { seek: now() });
  const consumer = await TestConsumer.open(edge.url, 'deleted', 'one');
  await durables.redis.hdel(durables.keys.definitions, 'deleted');
  t.match(await consumer.client.next('error'), { id: 'c', code: 'MDS_SUBSCRIPTION_UNKNOWN' });
  consumer.kill();
});

/** Waits for a value that is not null. */
async function until2<Value>(what: string, look: () => Promise<Value | null>): Promise<Value> {
  let found: Value | null = null;
  await until(what, async () => {
    found = await look();
    return found !== null;
  });
  if (found === null) throw new Error(what);
  return found;
}
