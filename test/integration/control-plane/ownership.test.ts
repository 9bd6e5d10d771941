// Ownership on the real stack, with played workers: grants, hand-over, death, and the loss of what the leader stands on.

import t, { type Test } from 'tap';
import { HEARTBEAT_TTL_MS } from '../../../schemas/coordination.ts';
import { anEdge } from '../../control-plane/builders.ts';
import { until } from '../harness/until.ts';
import { type Answer, runControlPlane, surroundings } from './control-plane-in-process.ts';
import { PlayedWorker } from './played-worker.ts';

const PARTITIONS = 6;
const around = await surroundings(t);
const { namespace, redis, keys, db } = around;
const api = await runControlPlane(t, around, { MDS_PROCESS_ID: 'first' });
const topicName = `owned-${namespace.id}`;
const { body: topic } = await api.call('POST', '/v1/topics', { name: topicName, partitions: PARTITIONS });

async function aPlayedWorker(t: Test, workerId: string): Promise<PlayedWorker> {
  const worker = new PlayedWorker(workerId, redis, keys);
  await worker.start();
  t.teardown(() => worker.die());
  return worker;
}

const epochs = async (): Promise<Map<number, number>> => {
  const { rows } = await db.query('SELECT partition, epoch::int FROM partition_ownership WHERE topic_id = $1', [
    topic.topicId,
  ]);
  return new Map(rows.map(({ partition, epoch }) => [partition, epoch]));
};
const owning = (worker: PlayedWorker, count: number, timeoutMs = 5000): Promise<unknown> =>
  until(
    `${worker.workerId} to own ${count} partitions`,
    timeoutMs,
    () => worker.owned.length === count,
    () => worker.owned,
  );
const partitionsOf = ({ body }: Answer) =>
  body.topics.find(({ name }: { name: string }) => name === topicName).partitions;

t.test('a first worker gets everything, a second one its half, and no epoch falls', async (t) => {
  const a = await aPlayedWorker(t, 'a');
  await owning(a, PARTITIONS);
  const before = await epochs();
  const b = await aPlayedWorker(t, 'b');
  await Promise.all([owning(a, 3), owning(b, 3)]);
  const after = await epochs();
  for (const { partition, epoch } of b.owned) t.equal(epoch, (before.get(partition) ?? 0) + 1);
  for (const { partition, epoch } of a.owned) t.equal(epoch, before.get(partition), 'what stayed kept its epoch');
  t.ok([...after].every(([partition, epoch]) => epoch >= (before.get(partition) ?? 0)));

  const status = await api.call('GET', '/v1/status');
  t.match(status.body, { leader: { id: 'first' }, problems: [], totals: { lagRecords: 2 * PARTITIONS } });
  t.same(new Set(partitionsOf(status).map(({ workerId }: { workerId: string }) => workerId)), new Set(['a', 'b']));
  t.ok(partitionsOf(status).every(({ nextOffset }: { nextOffset: number }) => nextOffset === 5));
  t.equal((await api.call('GET', '/v1/workers')).body.items.length, 2);

  const diedAtMs = performance.now();
  await b.die();
  await owning(a, PARTITIONS);
  const tookMs = Math.round(performance.now() - diedAtMs);
  t.comment(`a dead worker was replaced after ${tookMs} ms`);
  t.ok(tookMs <= 5000);
});

t.test('a partition is not given away while its owner still works on it; a drain gives up everything', async (t) => {
  const a = await aPlayedWorker(t, 'a');
  await owning(a, PARTITIONS);
  a.releases = false;
  const c = await aPlayedWorker(t, 'c');
  const told = a.revision;
  await until('the revoking assignment', 5000, () => a.revision > told);
  t.same(c.owned, []);
  a.releases = true;
  await owning(c, 3);
  a.state = 'draining';
  await Promise.all([owning(a, 0), owning(c, PARTITIONS)]);
  await c.die();
});

t.test('a Redis that forgot everything is filled again, and nothing moves', async (t) => {
  const d = await aPlayedWorker(t, 'd');
  await owning(d, PARTITIONS, 8000);
  const before = await epochs();
  await redis.del(keys.catalog, keys.assignment('d'));
  await until('the catalog', 5000, () => redis.hexists(keys.catalog, String(topic.topicId)));
  await until('the assignment', 5000, () => redis.exists(keys.assignment('d')));
  t.same(await epochs(), before);
});

t.test('a leader that loses its connection to Postgres leads again by itself', async (t) => {
  const e = await aPlayedWorker(t, 'e');
  await owning(e, PARTITIONS, 8000);
  const before = await epochs();
  await db.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name = 'mds-leader' AND datname = current_database()`,
  );
  await until('a leader', 5000, async () => (await api.call('GET', '/v1/status')).body.leader.id === 'first');
  t.ok(api.health.readiness().ready);
  t.same(await epochs(), before);
});

t.test('when the leader goes, the standby leads, and still sees who is dead', async (t) => {
  const standby = await runControlPlane(t, around, { MDS_PROCESS_ID: 'second' });
  const f = await aPlayedWorker(t, 'f');
  const g = await aPlayedWorker(t, 'g');
  await Promise.all([owning(f, 3, 10_000), owning(g, 3, 10_000)]);
  const before = await epochs();
  await api.stop();
  await until(
    'the standby to lead',
    3000,
    async () => (await standby.call('GET', '/v1/status')).body.leader.id === 'second',
  );
  t.same(await epochs(), before, 'a change of leader moves nothing');
  const diedAtMs = performance.now();
  await g.die();
  await owning(f, PARTITIONS, HEARTBEAT_TTL_MS * 3);
  t.comment(`replaced ${Math.round(performance.now() - diedAtMs)} ms after death, just behind an election`);

  await redis.sadd(keys.edges, 'edge-1', 'edge-gone');
  await redis.set(keys.edge('edge-1'), JSON.stringify(anEdge({ connections: 7, latencyP99Ms: 12 })));
  await redis.sadd(keys.workers, 'garbled');
  await redis.set(keys.worker('garbled'), '{"workerId":1}', 'PX', 60_000);
  t.same((await standby.call('GET', '/v1/edges')).body.items, [
    { edgeId: 'edge-1', clientUrl: 'ws://127.0.0.1:3/v1/stream', state: 'running', connections: 7 },
  ]);
  const { body } = await standby.call('GET', '/v1/status');
  t.match(body, { totals: { connections: 7, latencyP99Ms: 12 }, problems: [/heartbeat of garbled cannot be read/] });
});
