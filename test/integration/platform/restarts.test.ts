// Every service of the stack goes away and comes back under connections that stay: readiness says so both times, with one
// log line each, and the connection works again without anybody's help. Needs a stack of its own to break.

import t from 'tap';
import { Health } from '../../../platform/health.ts';
import { createAdmin, createConsumer, createProducer } from '../../../platform/kafka.ts';
import { createLogger } from '../../../platform/log.ts';
import { createPool, waitForPostgres } from '../../../platform/postgres.ts';
import { connectRedis } from '../../../platform/redis.ts';
import { createRegistry } from '../../../platform/registry.ts';
import { retry } from '../../../platform/retry.ts';
import { ownStack } from '../harness/stack.ts';

/** Five minutes: services that take seconds each to start, on a machine that may be busy. */
t.setTimeout(300_000);

const stack = await ownStack((line) => t.comment(line));
// The stack's own waiting keeps no process alive.
const keepAlive = setInterval(() => {}, 1000);
t.teardown(async () => {
  await stack.release();
  clearInterval(keepAlive);
});
const services = stack.services;
if (services === null) throw new Error('a stack of its own has handles to its services');

const BECOMES_TRUE = { attempts: 'forever', timeoutMs: 30_000, baseMs: 20, maxMs: 100 } as const;
const until = (isTrue: () => boolean, what: string) =>
  retry(async () => {
    if (!isTrue()) throw new Error(`not within 30 s: ${what}`);
  }, BECOMES_TRUE);

function watched() {
  const lines: string[] = [];
  const log = createLogger('test', 'info', { write: (line) => lines.push(String(JSON.parse(line).msg)) });
  return { log, lines, health: new Health() };
}

t.test('Kafka: producer and consumer go on where they were', async (t) => {
  const { log, lines, health } = watched();
  const connection = { brokers: stack.env.MDS_KAFKA_BROKERS ?? '', log, health };
  const admin = await createAdmin({ ...connection, name: 'admin', log: createLogger('test', 'silent') });
  const topic = 'restarts.kafka';
  await admin.createTopic({ topic, partitions: 1 });
  await admin.disconnect();
  const producer = await createProducer({ ...connection, name: 'out', deliveryTimeoutMs: 60_000 });
  const consumer = await createConsumer({ ...connection, name: 'in', groupId: 'restarts' });
  t.teardown(() => Promise.all([producer.disconnect(), consumer.disconnect()]));
  consumer.assign([{ topic, partition: 0, offset: 'earliest' }]);
  const seen: string[] = [];
  const consumeUntil = async (isEnough: () => boolean) => {
    const deadlineMs = performance.now() + BECOMES_TRUE.timeoutMs;
    while (!isEnough()) {
      if (performance.now() > deadlineMs)
        throw new Error(`not within 30 s; ${health.readiness().reasons}; saw ${seen}`);
      // A consumer reports that every broker is down only while it is asked for records, and may do so as a rejection.
      const messages = await consumer.consume(100).catch(() => []);
      seen.push(...messages.map(({ value }) => String(value)));
    }
  };
  await producer.produce(topic, 0, Buffer.from('before'));
  await consumeUntil(() => seen.length === 1);

  await services.kill('kafka');
  const pending = producer.produce(topic, 0, Buffer.from('meanwhile'));
  await consumeUntil(() => health.readiness().reasons.length === 2);
  t.match(health.readiness().reasons.join(), /kafka in: .*kafka out: |kafka out: .*kafka in: /);
  await services.start('kafka');
  t.strictSame(await pending, { partition: 0, offset: 1 });
  await consumeUntil(() => seen.length === 2);
  t.strictSame(seen, ['before', 'meanwhile']);
  await consumer.commit([{ topic, partition: 0, offset: 2 }]);
  await until(() => health.readiness().ready, 'ready again');
  t.strictSame(lines.toSorted(), [
    'kafka is away, retrying',
    'kafka is away, retrying',
    'kafka is back',
    'kafka is back',
  ]);
});

t.test('Redis: the connection comes back and its subscriptions with it', async (t) => {
  const { log, lines, health } = watched();
  const redis = await connectRedis(stack.env.MDS_REDIS_URL ?? '', { log, name: 'lane', health });
  const publisher = await connectRedis(stack.env.MDS_REDIS_URL ?? '', {
    log: createLogger('x', 'silent'),
    name: 'pub',
  });
  t.teardown(() => [redis.disconnect(), publisher.disconnect()]);
  await redis.ssubscribe('lane');
  await services.kill('redis');
  await until(() => !health.readiness().ready, 'not ready');
  await t.rejects(redis.get('x'), 'fails at once instead of waiting');
  await services.start('redis');
  await until(() => health.readiness().ready, 'ready again');
  const receivers = () => publisher.spublish('lane', 'x');
  await retry(async () => {
    if ((await receivers()) !== 1) throw new Error('nobody is subscribed');
  }, BECOMES_TRUE);
  t.strictSame(lines, ['redis is away, retrying', 'redis is back']);
});

t.test('a Redis that hangs makes commands fail in bounded time, and works when it goes on', async (t) => {
  const { log } = watched();
  const redis = await connectRedis(stack.env.MDS_REDIS_URL ?? '', { log, name: 'hung', commandTimeoutMs: 200 });
  t.teardown(() => redis.disconnect());
  services.pause('redis');
  t.teardown(() => services.resume('redis'));
  await t.rejects(redis.get('x'), { message: /timed out/ });
  services.resume('redis');
  t.equal(await retry(() => redis.set('x', 'y'), BECOMES_TRUE), 'OK');
});

t.test('Postgres: waiting outlasts a restart', async (t) => {
  const { log, lines, health } = watched();
  const pool = createPool(stack.env.MDS_POSTGRES_URL ?? '', { log: createLogger('test', 'silent') });
  t.teardown(() => pool.end());
  await pool.query('SELECT 1');
  await services.kill('postgres');
  // what serves a connection outlives the server by a moment
  await retry(async () => {
    const answer = await pool.query('SELECT 1').catch(() => null);
    if (answer !== null) throw new Error('Postgres still answers');
  }, BECOMES_TRUE);
  const waiting = waitForPostgres(pool, { log, health });
  await until(() => !health.readiness().ready, 'not ready');
  await services.start('postgres');
  await waiting;
  t.ok(health.readiness().ready);
  t.strictSame(lines, ['postgres is away, retrying']);
});

t.test('the registry: unavailable is an error, and no answer is remembered as unknown', async (t) => {
  const registry = createRegistry(stack.env.MDS_REGISTRY_URL ?? '');
  const schema = '{"type":"record","name":"Restarts","fields":[]}';
  await services.stop('registry');
  await t.rejects(registry.getSchemaById(1), { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
  await services.start('registry');
  const schemaId = await retry(() => registry.register('restarts', schema), BECOMES_TRUE);
  t.not(await registry.getSchemaById(schemaId), 'unknown');
});
