// What only a real database can show: migrations under concurrency, and rules that hold whatever the program believes.

import { Redis } from 'ioredis';
import pg from 'pg';
import t from 'tap';
import { answerOnce } from '../../../control-plane/api/idempotency.ts';
import { Housekeeping } from '../../../control-plane/ownership/housekeeping.ts';
import { Leadership } from '../../../control-plane/ownership/leadership.ts';
import { currentLeader } from '../../../control-plane/store/leader.ts';
import { migrate, readMigrations } from '../../../control-plane/store/migrations.ts';
import { allWorkers, saveRevisions } from '../../../control-plane/store/workers.ts';
import { createLogger } from '../../../platform/log.ts';
import { aWorker } from '../../control-plane/builders.ts';
import { until } from '../harness/until.ts';
import { surroundings } from './control-plane-in-process.ts';

const { namespace, redis, keys } = await surroundings(t);
const postgresUrl = namespace.env.MDS_POSTGRES_URL ?? '';
const db = new pg.Pool({ connectionString: postgresUrl });
t.teardown(() => db.end());
const migrations = await readMigrations();

t.test('several that start at once migrate once', async (t) => {
  const applied = await Promise.all(
    [1, 2, 3].map(async () => {
      const client = await db.connect();
      try {
        return await migrate(client, migrations);
      } finally {
        client.release();
      }
    }),
  );
  t.equal(applied.flat().length, migrations.length);
});

t.test('a migration that fails leaves nothing of itself', async (t) => {
  const client = await db.connect();
  t.teardown(() => client.release());
  const number = Math.max(...migrations.map((migration) => migration.number)) + 1;
  const broken = {
    number,
    name: `00${number}-broken.sql`,
    checksum: 'x',
    sql: 'CREATE TABLE half (x int); SELECT 1/0;',
  };
  await t.rejects(migrate(client, [...migrations, broken]), /division by zero/);
  t.equal((await db.query(`SELECT to_regclass('half') AS t`)).rows[0].t, null);
  t.same(await migrate(client, migrations), []);
});

t.test('an epoch is given out once', async (t) => {
  await db.query(`INSERT INTO topics (tenant_id, name, kafka_topic, partitions, retention_ms, cleanup_policy, schema_json, state)
    VALUES ('default', 'x', 'default.x', 1, 1, 'delete', '{}', 'creating')`);
  await db.query(
    `INSERT INTO partition_ownership (topic_id, partition) SELECT topic_id, 0 FROM topics WHERE name = 'x'`,
  );
  const own = (epoch: number, workerId: string) =>
    db.query(`UPDATE partition_ownership SET epoch = $1, state = 'owned', worker_id = $2`, [epoch, workerId]);
  await own(1, 'a');
  await t.rejects(own(1, 'b'), /epoch 1 .* was already given out/);
  await own(2, 'b');
  await t.rejects(own(1, 'b'), /already given out/);
});

t.test('one leads; when its connection goes the next one may', async (t) => {
  const lost: string[] = [];
  const candidate = (leaderId: string): Leadership =>
    new Leadership({
      postgresUrl,
      leaderId,
      log: createLogger('test', 'silent'),
      onElected: () => {},
      onLost: (reason) => lost.push(`${leaderId}: ${reason}`),
    });
  const [a, b] = [candidate('a'), candidate('b')];
  t.teardown(() => Promise.all([a.stop(), b.stop()]));
  t.same([await a.tryLead(), await a.tryLead(), await b.tryLead()], [true, true, false]);
  t.equal(await currentLeader(db), 'a');
  t.equal(b.connection, null);
  a.resign('a test wants it');
  t.equal(a.connection, null);
  t.same(lost, ['a: a test wants it']);
  await until('the lock', 2000, () => b.tryLead());
  t.equal(await currentLeader(db), 'b');
  await b.stop();
  await until('nobody to lead', 2000, async () => (await currentLeader(db)) === null);
});

t.test('a repeated request waits for the first, but not for ever, and takes over from a dead one', async (t) => {
  const request = { tenant: 'default', subject: 'key:a', key: 'k', route: '/x', body: {} };
  const work = async () => ({ status: 201, response: '"done"' });
  let finish: (() => void) | undefined;
  const first = answerOnce(db, request, async () => {
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    return work();
  });
  await until('the first to work', 2000, () => finish !== undefined);
  await t.rejects(answerOnce(db, request, work, 100), { code: 'MDS_TIMEOUT', retryable: true });
  finish?.();
  t.match(await first, { replayed: false });
  t.match(await answerOnce(db, request, work), { replayed: true, response: '"done"' });

  const orphan = { ...request, key: 'orphan' };
  await t.rejects(
    answerOnce(db, orphan, () => Promise.reject(new Error('broken'))),
    /broken/,
  );
  t.match(await answerOnce(db, orphan, work), { replayed: false }, 'a failure is forgotten');
  await t.rejects(answerOnce(db, { ...request, body: { other: true } }, work), { code: 'MDS_IDEMPOTENCY_MISMATCH' });
  t.match(
    await answerOnce(db, { ...request, subject: 'key:b' }, work),
    { replayed: false },
    "another's key is another",
  );
});

t.test('the long dead are forgotten, the living are not', async (t) => {
  const isolated = new Redis(namespace.env.MDS_REDIS_URL ?? '');
  t.teardown(() => isolated.disconnect());
  await saveRevisions(
    db,
    new Map([
      ['dead', 3],
      ['living', 4],
    ]),
  );
  await saveRevisions(db, new Map([['living', 2]]));
  await db.query(`UPDATE workers SET last_seen_at = now() - interval '2 hours'`);
  await redis.set(keys.assignment('dead'), '{}');
  await redis.sadd(keys.workers, 'dead', 'living');
  await redis.sadd(keys.edges, 'edge-dead');
  const fleet = {
    workers: [aWorker({ workerId: 'living' })],
    edges: [],
    expired: { workers: ['dead'], edges: ['edge-dead'] },
    problems: [],
  };
  const housekeeping = new Housekeeping(db, isolated, keys, { days: 1, rows: 1000 });
  const look = (minute: number) => housekeeping.look(fleet, new Map([['living', 4]]), minute * 60_000 + 1e6);
  await look(1);
  t.same(await allWorkers(db), [{ workerId: 'living', assignmentRevision: 4 }], 'and a revision never falls');
  t.equal(await redis.exists(keys.assignment('dead')), 0);
  t.same((await redis.smembers(keys.workers)).sort(), ['dead', 'living'], 'an id goes only when it was missing twice');
  await look(1.5);
  await look(2);
  t.same(await redis.smembers(keys.workers), ['living']);
  t.same(await redis.smembers(keys.edges), []);
});
