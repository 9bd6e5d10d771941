// Durable subscriptions while Redis is cut off, comes back empty, or comes back with older states: at worst an event is
// delivered again, and never is one lost.

import t from 'tap';
import { startProxy } from '../control-plane/cuttable-proxy.ts';
import { type OtherEdge, PlayedDurables, startOtherEdge, TestConsumer } from './durable-harness.ts';
import { startEdgeUnderTest, until } from './edge-harness.ts';

const edge = await startEdgeUnderTest({}, 1);
edge.worker.run();
const durables = new PlayedDurables(edge, 1);
const proxy = await startProxy(t, Number(new URL(edge.redis.url).port));
const cuttable: OtherEdge = await startOtherEdge(edge, `redis://127.0.0.1:${proxy.port}`);
t.teardown(async () => {
  durables.stop();
  await cuttable.stop();
  await edge.stop();
});

let produced = 0;
function produce(count: number): number[] {
  return Array.from({ length: count }, () => {
    edge.worker.produce(0, produced);
    return produced++;
  });
}
const now = () => ({ revision: 1, position: [[0, produced - 1, 0x7fffffff] as [number, number, number]] });

t.test(
  'an edge that is cut off from Redis gives nothing out when its lease is over, and another takes over',
  async (t) => {
    await durables.create('cut', { seek: now(), ackTimeoutMs: 600, maxAttempts: 100 });
    const one = await TestConsumer.open(cuttable.url, 'cut', 'one');
    await one.becomes('active');
    const two = await TestConsumer.open(edge.url, 'cut', 'two');
    const [first, second] = produce(2);
    const [got] = await one.has(2);
    await until('they are stored as sent', async () => (await durables.state('cut')).attempts[1]?.[3] === 1);
    proxy.cut();
    one.client.say({ type: 'ack', id: 'c', seq: 77, cursors: [got?.cursor] });
    await two.becomes('active');
    const again = await two.has(2);
    t.same(
      again.slice(0, 2).map(({ n, attempt }) => [n, attempt]),
      [
        [first, 2],
        [second, 2],
      ],
      'the acknowledgement was never stored',
    );
    t.same(one.client.of('acked'), [], 'and nobody was told that it was');
    const before = one.got.length;
    await two.has(8); // both have timed out again and again since the lease was over
    t.equal(one.got.length, before, 'an owner whose lease is over delivers nothing');
    await two.ack([...two.got.slice(0, 2)].map(({ cursor }) => cursor));
    proxy.mend();
    t.match(await one.client.next('error'), { code: 'MDS_ACK_NOT_STORED', details: { seq: 77, shards: [0] } });
    await until('one stands by', () => one.consuming.state !== 'active' || two.consuming.state !== 'active');
    one.kill();
    two.kill();
  },
);

t.test('a short cut of Redis changes nothing for a consumer but the time until it is told', async (t) => {
  await durables.create('blip', { seek: now() });
  const one = await TestConsumer.open(cuttable.url, 'blip', 'one');
  await one.becomes('active');
  produce(3);
  const got = await one.has(3);
  proxy.cut();
  const stored = one.ack(got.map(({ cursor }) => cursor));
  proxy.mend();
  await stored;
  t.same((await durables.state('blip')).attempts, []);
  t.equal(await durables.epoch('blip'), 1);
  one.kill();
});

t.test('when Redis comes back empty, the owner writes its state again and goes on', async (t) => {
  const definition = await durables.create('forgotten', { seek: now() });
  const one = await TestConsumer.open(edge.url, 'forgotten', 'one');
  await one.becomes('active');
  const numbers = produce(3);
  const got = await one.has(3);
  await one.ack([got[0]?.cursor ?? [0, 0, 0]]);
  await edge.redis.stop();
  await edge.redis.start();
  await until(
    'the state is there again',
    async () => (await durables.redis.exists(durables.keys.shard('forgotten', 0))) === 1,
  );
  await edge.worker.writeCatalog();
  await durables.write(definition);
  await until('a higher epoch', async () => (await durables.epoch('forgotten')) > 1);
  await one.ack(got.slice(1).map(({ cursor }) => cursor));
  t.same((await durables.state('forgotten')).attempts, []);
  const later = produce(1);
  await one.has(4);
  t.same(one.numbers, [...numbers, ...later], 'nothing twice');
  one.kill();
});

t.test('when the control plane was faster, its older state counts: again rather than lost', async (t) => {
  const definition = await durables.create('older', { seek: now() });
  const one = await TestConsumer.open(edge.url, 'older', 'one');
  const numbers = produce(3);
  const got = await one.has(3);
  await one.ack(got.map(({ cursor }) => cursor));
  const state = { seekRevision: 1, floor: definition.seek.position, settled: [], attempts: [] };
  await durables.redis
    .multi()
    .del(durables.keys.shard('older', 0))
    .hset(durables.keys.shard('older', 0), { state: JSON.stringify(state), epoch: 1001 })
    .exec();
  await one.has(6);
  t.same(one.numbers, [...numbers, ...numbers]);
  t.ok((await durables.epoch('older')) > 1001);
  one.kill();
});
