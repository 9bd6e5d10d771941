import { EventEmitter } from 'node:events';
import t from 'tap';
import { createLogger } from '../../../platform/log.ts';
import type { Redis } from '../../../platform/redis.ts';
import { LaneReader } from '../../../workers/edge/lane-reader.ts';
import { anEnvelope } from './gathering.ts';

/** As much of a connection as the reader uses: it comes back when it is told to, or stays as it is. */
class FakeRedis extends EventEmitter {
  status = 'ready';
  disconnects = 0;
  destroyed = 0;
  receivers = 1;
  answersSubscribe = true;
  readonly stream = { destroy: () => void this.destroyed++ };

  disconnect(reconnects: boolean): void {
    if (reconnects) this.disconnects += 1;
  }

  async ssubscribe(): Promise<number> {
    if (!this.answersSubscribe) throw new Error('Connection is closed.');
    return 1;
  }

  async spublish(): Promise<number> {
    return this.receivers;
  }

  get asRedis(): Redis {
    return this as unknown as Redis;
  }
}

async function setUp() {
  const world = { nowMs: 0, envelopes: 0, corrupt: 0, subscribed: 0, reconnects: [] as [string, number][] };
  const [commands, lane] = [new FakeRedis(), new FakeRedis()];
  const reader = new LaneReader({
    lane: 'lane:e',
    log: createLogger('test', 'silent'),
    commands: commands.asRedis,
    onEnvelope: () => void world.envelopes++,
    onCorrupt: () => void world.corrupt++,
    onSubscribed: () => void world.subscribed++,
    onReconnect: (reason) => void world.reconnects.push([reason, world.nowMs]),
    now: () => world.nowMs,
  });
  await reader.start(lane.asRedis);
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) {
      world.nowMs += 50;
      reader.tick();
      await new Promise((resolve) => setImmediate(resolve)); // what Redis answers
    }
  };
  return { world, commands, lane, reader, pass };
}

t.test('a starved lane gets a new socket within a second, the old one is not waited for', async (t) => {
  const { world, lane, reader, pass } = await setUp();
  await pass(1000);
  t.match(world.reconnects, [['probe_lost', 800]]);
  t.match(lane, { disconnects: 1, destroyed: 1 });
  t.notOk(reader.isAlive);
});

t.test('a lane that stays dead is connected anew at growing intervals, up to ten seconds', async (t) => {
  const { world, pass } = await setUp();
  await pass(60_000);
  const pauses = world.reconnects.slice(1).map(([, atMs], i) => atMs - (world.reconnects[i]?.[1] ?? 0));
  t.same(pauses.slice(0, 6), [1000, 2000, 4000, 8000, 10_000, 10_000]);
});

t.test('after a while of health the first reconnect is at once again', async (t) => {
  const { world, lane, pass } = await setUp();
  await pass(5000);
  const before = world.reconnects.length;
  for (let i = 0; i < 60; i++) {
    await pass(200);
    lane.emit('smessageBuffer', Buffer.from('lane:e'), Buffer.from(anEnvelope([]).bytes));
  }
  t.equal(world.reconnects.length, before);
  const healthyMs = world.nowMs;
  await pass(3000);
  const again = world.reconnects.slice(before).map(([, atMs]) => atMs - healthyMs);
  t.same(again.slice(0, 2), [800, 1800]);
});

t.test('a new connection is subscribed, and what may have been lost is told', async (t) => {
  const { world, lane, reader } = await setUp();
  lane.emit('close');
  t.notOk(reader.isAlive);
  lane.emit('ready');
  await new Promise((resolve) => setImmediate(resolve));
  t.ok(reader.isAlive);
  t.equal(world.subscribed, 1);
});

t.test('a connection that cannot subscribe is replaced', async (t) => {
  const { world, lane } = await setUp();
  lane.answersSubscribe = false;
  lane.emit('ready');
  await new Promise((resolve) => setImmediate(resolve));
  t.match(world.reconnects, [['subscribe_failed', 0]]);
});

t.test('a connection that is being made is left alone for a while', async (t) => {
  const { world, commands, lane, pass } = await setUp();
  commands.receivers = 0;
  lane.status = 'connect';
  lane.emit('close');
  await pass(2900);
  t.same(world.reconnects, []);
  await pass(1000);
  t.equal(world.reconnects.length, 1);
  lane.status = 'reconnecting';
  await pass(20_000);
  t.equal(world.reconnects.length, 1, 'and one that waits for its turn as well');
});

t.test('probes are no envelopes, and what is neither is corrupt', async (t) => {
  const { world, reader } = await setUp();
  reader.onMessage(Buffer.from('MDSP\x01\x00\x00\x00', 'latin1'));
  t.match(world, { envelopes: 0, corrupt: 0 });
  reader.onMessage(anEnvelope([]).bytes);
  reader.onMessage(Buffer.alloc(200, 7));
  t.match(world, { envelopes: 1, corrupt: 1 });
});
