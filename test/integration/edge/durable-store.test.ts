// The scripts by which edges agree on consumers and owners, on a real Redis: who may write, and who may not.

import { Redis } from 'ioredis';
import t from 'tap';
import { durableKeys, type ShardState, type TrailEntry } from '../../../schemas/durable.ts';
import { type LocalConsumer, ShardStore, type ShardWrite } from '../../../workers/edge/durable/shard-store.ts';
import { until } from './edge-harness.ts';
import { startRedis } from './redis-server.ts';

const server = await startRedis();
const redis = new Redis(server.url);
const keys = durableKeys('test');
const store = new ShardStore(redis, keys, () => Date.now());
await until('a connection', () => redis.status === 'ready');
t.teardown(async () => {
  redis.disconnect();
  await server.stop();
});
t.beforeEach(() => redis.flushall());

const STATE: ShardState = { seekRevision: 1, floor: [[0, 4, 0]], settled: [], attempts: [] };
const put = (shard = 0) => redis.hset(keys.shard('s', shard), 'state', JSON.stringify(STATE));

const aWrite = (more: Partial<ShardWrite> = {}): ShardWrite => ({
  id: 's',
  shard: 0,
  owner: 'me',
  epoch: 1,
  state: { ...STATE, floor: [[0, 9, 0]] },
  record: { minute: 7, counts: [['sent', 3]], trail: [] },
  isRelease: false,
  ...more,
});

const aConsumer = (consumer: string, connection: string): LocalConsumer => ({
  consumer,
  edgeId: 'e',
  connection,
  joinedMs: 0,
  connectedMs: 0,
});

t.test('a shard without a state has no owner', async (t) => {
  t.same(await store.acquire('s', 0, 'me'), { kind: 'none' });
  t.equal(await redis.exists(keys.shard('s', 0)), 0);
});

t.test('one owner at a time; each acquisition is a new epoch, and the epoch of before writes nothing', async (t) => {
  await put();
  t.same(await store.acquire('s', 0, 'me'), { kind: 'taken', epoch: 1, state: STATE });
  t.match(await store.acquire('s', 0, 'you'), { kind: 'held' });
  await redis.hset(keys.shard('s', 0), 'leaseUntilMs', 1); // as if 6 s had passed
  t.match(await store.acquire('s', 0, 'you'), { kind: 'taken', epoch: 2 });
  t.same(await store.store(aWrite()), { kind: 'superseded', epoch: 2 });
  t.same(JSON.parse((await redis.hget(keys.shard('s', 0), 'state')) ?? ''), STATE);
  t.equal(await redis.exists(keys.ledger('s', 7)), 0, 'not even a count');
});

t.test('state, ledger and trail are written together, and twice is as good as once for the ledger', async (t) => {
  await put();
  await store.acquire('s', 0, 'me');
  const entry: TrailEntry = {
    atMs: 1,
    shard: 0,
    epoch: 1,
    what: 'sent',
    consumer: 'c',
    edgeId: 'e',
    partition: 0,
    cursors: [],
  };
  const write = aWrite({ record: { minute: 7, counts: [['sent', 3]], trail: [entry] } });
  for (let i = 0; i < 2; i++) t.same(await store.store(write), { kind: 'stored', epoch: 1 });
  t.same(await redis.hgetall(keys.ledger('s', 7)), { '0.1.sent': '3' });
  const [first] = await redis.xrange(keys.trail('s'), '-', '+');
  t.same(first?.[1], ['entry', JSON.stringify(entry)]);
});

t.test('a released shard is free at once, and says so', async (t) => {
  await put();
  await store.acquire('s', 0, 'me');
  const heard: string[] = [];
  const listener = new Redis(server.url);
  listener.on('message', (_, id) => heard.push(id));
  await listener.subscribe(keys.notify);
  await store.store(aWrite({ isRelease: true }));
  t.match(await store.acquire('s', 0, 'you'), { kind: 'taken', epoch: 2, state: { floor: [[0, 9, 0]] } });
  await until('a notice', () => heard.includes('s'));
  listener.disconnect();
});

t.test('an owner writes its state into a Redis that has forgotten it, under a new epoch', async (t) => {
  t.same(await store.store(aWrite({ epoch: 5 })), { kind: 'anew', epoch: 6 });
  t.match(await redis.hgetall(keys.shard('s', 0)), { epoch: '6', owner: 'me' });
  await redis.hset(keys.shard('s', 0), { owner: '', epoch: 3 });
  t.same(await store.store(aWrite({ epoch: 6 })), { kind: 'anew', epoch: 7 }, 'an older state came back');
});

t.test('an owner does not write over a state of an equal or higher epoch that somebody has', async (t) => {
  await redis.hset(keys.shard('s', 0), { owner: 'you', epoch: 5, state: JSON.stringify(STATE) });
  t.same(await store.store(aWrite({ epoch: 5 })), { kind: 'superseded', epoch: 5 });
  await redis.hset(keys.shard('s', 0), { owner: '', epoch: 1005 });
  t.same(await store.store(aWrite({ epoch: 5 })), { kind: 'superseded', epoch: 1005 });
});

t.test('nothing is written of a subscription that was deleted', async (t) => {
  await redis.hset(keys.definitions, 'other', '{}');
  t.match(await store.store(aWrite()), { kind: 'superseded' });
  t.equal(await redis.exists(keys.shard('s', 0)), 0);
});

t.test('the newer connection of a name stays, keeps its place, and the older cannot take it back', async (t) => {
  const [mine] = await store.showConsumers('s', [aConsumer('a', 'old')]);
  const [newer] = await store.showConsumers('s', [aConsumer('a', 'new')]);
  t.match(newer, { connection: 'new', joinedMs: mine?.joinedMs });
  t.match(await store.showConsumers('s', [{ ...aConsumer('a', 'old'), ...mine, connection: 'old' }]), [
    { connection: 'new' },
  ]);
  await store.hideConsumer('s', aConsumer('a', 'old'));
  t.equal(await redis.hlen(keys.consumers('s')), 1, 'nor end it');
  await redis.del(keys.consumers('s'));
  const back = await store.showConsumers('s', [{ ...aConsumer('a', 'new'), ...newer }]);
  t.same(
    back.map(({ joinedMs, connectedMs }) => [joinedMs, connectedMs]),
    [[newer?.joinedMs, newer?.connectedMs]],
    'a Redis that has forgotten is told when it came',
  );
});

t.test('a consumer that has not been seen for long no longer counts', async (t) => {
  await store.showConsumers('s', [aConsumer('a', 'x')]);
  const entry = JSON.parse((await redis.hget(keys.consumers('s'), 'a')) ?? '');
  await redis.hset(keys.consumers('s'), 'a', JSON.stringify({ ...entry, seenMs: entry.seenMs - 6000 }));
  t.same(
    (await store.showConsumers('s', [aConsumer('b', 'y')])).map(({ consumer }) => consumer),
    ['b'],
  );
});

t.test('requests for dead letters have a bound while nobody takes them', async (t) => {
  const request = {
    subscription: 's',
    subscriptionName: 'n',
    shard: 0,
    topicId: 1,
    attempts: 1,
    reason: 'r',
    consumer: 'c',
  };
  const requests = Array.from({ length: 6000 }, (_, offset) => ({
    ...request,
    cursor: [0, offset, 0] as [number, number, number],
  }));
  await store.askForDeadLetters(requests);
  await store.askForDeadLetters(requests);
  t.equal(await redis.llen(keys.deadLetters), 10_000);
});
