// Consumer groups over two edges: each key with one consumer at a time, in order, and nothing lost when consumers come, go
// and die.

import t from 'tap';
import { type Got, PlayedDurables, startOtherEdge, TestConsumer } from './durable-harness.ts';
import { startEdgeUnderTest, until } from './edge-harness.ts';

const PARTITIONS = 2;
const SHARDS = 6;
const KEYS = 20;
const edge = await startEdgeUnderTest({}, PARTITIONS);
const other = await startOtherEdge(edge, edge.redis.url);
edge.worker.run();
const durables = new PlayedDurables(edge, PARTITIONS);
t.teardown(async () => {
  durables.stop();
  await other.stop();
  await edge.stop();
});

const group = { key: ['pad'], shards: SHARDS };
let produced = 0;
const counts = Array.from({ length: PARTITIONS }, () => 0);

/** Events of all keys; those of one key are in one partition. */
function produce(count: number): number[] {
  return Array.from({ length: count }, () => {
    const key = produced % KEYS;
    const partition = key % PARTITIONS;
    edge.worker.produce(partition, produced, key);
    counts[partition] = (counts[partition] ?? 0) + 1;
    return produced++;
  });
}

function seekNow() {
  return {
    revision: 1,
    position: counts.map((count, p): [number, number, number] => [p, count - 1, 0x7fffffff]),
  };
}

/** Of each key, the first delivery of each event to anybody. */
function isInOrder(got: readonly Got[]): boolean {
  const last = new Map<string, number>();
  return got.every(({ n, pad, attempt }) => {
    if (attempt > 1) return true;
    const before = last.get(pad) ?? -1;
    last.set(pad, n);
    return n > before;
  });
}

const allHave = (consumers: readonly TestConsumer[], numbers: readonly number[]): Promise<void> => {
  const missing = (): number[] => {
    const got = new Set(consumers.flatMap((consumer) => consumer.numbers));
    return numbers.filter((n) => !got.has(n));
  };
  return until('everything is with somebody', () => missing().length === 0, 20_000);
};

t.test('a group shares by key over two edges: equal keys go to one consumer, in order', async (t) => {
  await durables.create('shared', { group, seek: seekNow() });
  const one = await TestConsumer.open(edge.url, 'shared', 'one');
  await one.becomes('active', SHARDS);
  const two = await TestConsumer.open(other.url, 'shared', 'two');
  await two.becomes('active', SHARDS / 2);
  await one.becomes('active', SHARDS / 2);
  t.same([...one.consuming.shards, ...two.consuming.shards].sort(), [0, 1, 2, 3, 4, 5]);
  const numbers = produce(400);
  await allHave([one, two], numbers);
  const keysOf = (consumer: TestConsumer): Set<string> => new Set(consumer.got.map(({ pad }) => pad));
  t.equal(keysOf(one).size + keysOf(two).size, KEYS);
  t.ok(keysOf(one).size > 0 && keysOf(two).size > 0);
  t.equal(one.got.length + two.got.length, 400, 'each once');
  t.ok(isInOrder(one.got) && isInOrder(two.got));
  one.kill();
  two.kill();
});

t.test('shards move while events flow and consumers come and go; nothing is lost, keys stay in order', async (t) => {
  await durables.create('moving', { group, seek: seekNow() });
  const one = await TestConsumer.open(edge.url, 'moving', 'one');
  const stops = [one.ackAll()];
  const all: number[] = [];
  const consumers = [one];
  const flow = setInterval(() => all.push(...produce(7)), 5);
  for (const [i, name] of ['two', 'three', 'four'].entries()) {
    const before = all.length;
    await until('some more events', () => all.length > before + 300);
    const next = await TestConsumer.open(i % 2 === 0 ? other.url : edge.url, 'moving', name);
    stops.push(next.ackAll());
    await next.becomes('active');
    consumers.push(next);
  }
  const startedMs = Date.now();
  consumers[1]?.client.say({ type: 'unsubscribe', id: 'c' });
  consumers[2]?.kill();
  await one.becomes('active', SHARDS / 2);
  t.ok(Date.now() - startedMs < 4000, 'without waiting for a lease to end');
  clearInterval(flow);
  await allHave(consumers, all);
  const ledger = () => durables.ledger('moving');
  await until('all stored', async () => ((await ledger()).acknowledged ?? 0) >= all.length);
  for (let shard = 0; shard < SHARDS; shard++) t.same((await durables.state('moving', shard)).attempts, []);
  for (const consumer of consumers) t.ok(isInOrder(consumer.got), consumer.consuming.state);
  for (const stop of stops) stop();
  t.match(await ledger(), { matched: all.length, acknowledged: all.length }, 'each counted once');
  for (const consumer of consumers) consumer.kill();
});
