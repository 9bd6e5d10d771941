// Connections to a real Redis: cut, blocked and refused.

import { once } from 'node:events';
import t from 'tap';
import { Health } from '../../../platform/health.ts';
import { createLogger } from '../../../platform/log.ts';
import { connectRedis, type Redis, subscribeAtStart } from '../../../platform/redis.ts';
import { acquireStack, createNamespace } from '../harness/stack.ts';
import { until } from '../harness/until.ts';

const stack = await acquireStack();
const { id } = await createNamespace(stack);
const url = stack.env.MDS_REDIS_URL ?? '';
const log = createLogger('test', 'silent');
const admin = await connectRedis(url, { log, name: 'test-admin' });
t.teardown(async () => {
  admin.disconnect();
  await stack.release();
});

type Options = Parameters<typeof connectRedis>[1];
async function connect(test: Pick<typeof t, 'teardown'>, options: Partial<Options> = {}): Promise<Redis> {
  const redis = await connectRedis(url, { log, name: `test-${id}`, ...options });
  test.teardown(() => redis.disconnect());
  return redis;
}

/** Cuts a connection at the server and waits until the client has noticed. */
async function cut(redis: Redis): Promise<void> {
  const closed = once(redis, 'close');
  await admin.client('KILL', 'ID', await redis.client('ID'));
  await closed;
}

t.test('a cut connection comes back by itself; each turn is one line and shown in readiness', async (t) => {
  const lines: string[] = [];
  const health = new Health();
  const watched = createLogger('test', 'info', { write: (line) => lines.push(line) });
  let connects = 0;
  const redis = await connect(t, { log: watched, name: 'lane', health, onReady: () => connects++ });
  t.ok(health.readiness().ready);
  const ready = once(redis, 'ready');
  await cut(redis);
  t.strictSame(health.readiness(), { ready: false, reasons: ['redis lane: the connection was closed'] });
  await ready;
  t.ok(health.readiness().ready);
  t.equal(connects, 2);
  t.match(lines, [/redis is away, retrying/, /redis is back/]);
  t.equal(lines.length, 2);
});

t.test('what is asked for while the connection is away fails at once', async (t) => {
  const redis = await connect(t);
  await cut(redis);
  await t.rejects(redis.get('x'), { message: /writeable|closed/ });
});

t.test('what is in flight when the connection is cut fails, and is not sent twice', async (t) => {
  const redis = await connect(t, { commandTimeoutMs: 0 });
  const key = `${id}:queue`;
  const popped = redis.brpop(key, 30);
  const failed = t.rejects(popped);
  const blocked = (await admin.client('LIST')) as string;
  const clientId = /id=(\d+)[^\n]*cmd=brpop/.exec(blocked)?.[1];
  await admin.client('KILL', 'ID', clientId ?? '');
  await failed;
  await once(redis, 'ready');
  await redis.lpush(key, 'still here');
  t.equal(await redis.llen(key), 1);
  await redis.del(key);
});

t.test('subscriptions come back with the connection, and bytes arrive as they were sent', async (t) => {
  const redis = await connect(t);
  const lane = `${id}:lane`;
  await redis.ssubscribe(lane);
  const clientId = /id=(\d+)[^\n]*ssub=1/.exec((await admin.client('LIST')) as string)?.[1];
  const ready = once(redis, 'ready');
  await admin.client('KILL', 'ID', clientId ?? '');
  await ready;
  const arrived = once(redis, 'smessageBuffer');
  const payload = Buffer.from([0, 255, 10, 13, 128]);
  while ((await admin.spublish(lane, payload)) === 0) await new Promise((resolve) => setImmediate(resolve));
  t.strictSame((await arrived)[1], payload);
});

t.test('a connection that is lost again before Redis has answered comes back with its subscriptions', async (t) => {
  const redis = await connect(t);
  await redis.subscribe(`${id}:twice`);
  let readies = 0;
  redis.on('ready', () => {
    readies += 1;
    if (readies === 1) redis.stream.destroy();
  });
  const messages: string[] = [];
  redis.on('message', (_channel, message) => messages.push(message));
  redis.stream.destroy();
  await until('subscribed again', 5000, async () => {
    await admin.publish(`${id}:twice`, 'm');
    return messages.length > 0;
  });
  t.equal(readies, 2);
});

t.test('a process that subscribes for the first time in the moment Redis goes away waits for it', async (t) => {
  // An edge that was starting while Redis was killed ended with "could not start" (fault suite, R17 with seed 811108).
  const redis = await connect(t);
  await cut(redis);
  await t.rejects(redis.subscribe('by itself it fails'), { message: /writeable|closed/ });
  await subscribeAtStart(redis, 'subscribe', [`${id}:start`]);
  const heard = once(redis, 'message');
  await admin.publish(`${id}:start`, 'm');
  t.strictSame(await heard, [`${id}:start`, 'm']);
});

t.test('a command that takes too long fails; one that blocks may be given all the time it needs', async (t) => {
  const hasty = await connect(t, { commandTimeoutMs: 50 });
  await t.rejects(hasty.brpop(`${id}:nothing`, 10), { message: /timed out/ });
  const patient = await connect(t, { commandTimeoutMs: 0 });
  t.equal(await patient.brpop(`${id}:nothing`, 0.1), null);
});

t.test('ending a connection on purpose is no failure', async (t) => {
  const lines: string[] = [];
  const watched = createLogger('test', 'info', { write: (line) => lines.push(line) });
  const health = new Health();
  const redis = await connect(t, { log: watched, health });
  await redis.quit();
  const other = await connect(t, { log: watched, health });
  other.disconnect();
  await once(other, 'end');
  t.strictSame(lines, []);
  t.ok(health.readiness().ready);
});
