// Two control planes, the leading one a process of its own that is killed: the other leads, and misses no death.

import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Assignment, RedisKeys } from '../../../schemas/coordination.ts';
import { TestProcess } from '../harness/processes.ts';
import { until } from '../harness/until.ts';
import { runControlPlane, surroundings } from './control-plane-in-process.ts';
import { startProxy } from './cuttable-proxy.ts';
import { PlayedWorker } from './played-worker.ts';

const TAKEOVER_MS = 3000;

t.setTimeout(240_000);

t.test('a leader that is killed is followed by the standby', async (t) => {
  const around = await surroundings(t);
  const { namespace, redis, keys } = around;
  const directory = join(tmpdir(), namespace.id);
  mkdirSync(directory, { recursive: true });
  const leader = await TestProcess.create({ kind: 'control-plane', name: 'leader', env: namespace.env, directory });
  t.teardown(() => leader.dispose());
  await leader.start();
  const standby = await runControlPlane(t, around, { MDS_PROCESS_ID: 'standby' });
  const leaderId = async () => (await standby.call('GET', '/v1/status')).body.leader.id;
  await until('the first to lead', TAKEOVER_MS, async () => (await leaderId()) === 'leader');
  await standby.call('POST', '/v1/topics', { name: `led-${namespace.id}`, partitions: 4 });
  const [a, b] = [new PlayedWorker('a', redis, keys), new PlayedWorker('b', redis, keys)];
  await Promise.all([a.start(), b.start()]);
  t.teardown(() => a.die());
  await until('both to own', 8000, () => a.owned.length === 2 && b.owned.length === 2);

  await b.die();
  const killedAtMs = performance.now();
  await leader.end('SIGKILL');
  await until('the standby to lead', TAKEOVER_MS, async () => (await leaderId()) === 'standby');
  t.comment(`led again after ${Math.round(performance.now() - killedAtMs)} ms`);
  await until('the dead worker to be replaced', 8000, () => a.owned.length === 4);
  t.comment(`worker and leader killed together: replaced after ${Math.round(performance.now() - killedAtMs)} ms`);
});

/** Every assignment that any control plane ever wrote, read from what it sent to Redis. */
class AssignmentRecord {
  readonly #connections: Buffer[][] = [];

  readonly listen = (): ((chunk: Buffer) => void) => {
    const chunks: Buffer[] = [];
    this.#connections.push(chunks);
    return (chunk) => chunks.push(chunk);
  };

  /** @param keys of the installation */
  all(keys: RedisKeys): Assignment[] {
    const set = new RegExp(`${keys.assignment('')}[^\\r]*\\r\\n\\$\\d+\\r\\n(\\{[^\\r]*\\})\\r\\n`, 'g');
    return this.#connections.flatMap((chunks) =>
      [...Buffer.concat(chunks).toString('utf8').matchAll(set)].map(([, text = '']) => JSON.parse(text)),
    );
  }
}

/** @returns what was granted to more than one worker */
function doubleOwners(assignments: readonly Assignment[]): string[] {
  const owners = new Map<string, Set<string>>();
  for (const { workerId, partitions } of assignments) {
    for (const { topicId, partition, epoch } of partitions) {
      const name = `${topicId}/${partition} in epoch ${epoch}`;
      owners.set(name, (owners.get(name) ?? new Set()).add(workerId));
    }
  }
  return [...owners].filter(([, workers]) => workers.size !== 1).map(([name, workers]) => `${name}: ${[...workers]}`);
}

t.test('two control planes that fight for the lead never grant one epoch to two workers', async (t) => {
  const around = await surroundings(t);
  const { namespace, redis, keys, db } = around;
  const record = new AssignmentRecord();
  const redisUrl = new URL(namespace.env.MDS_REDIS_URL ?? '');
  const proxy = await startProxy(t, Number(redisUrl.port), record.listen);
  const env = { ...namespace.env, MDS_REDIS_URL: `redis://127.0.0.1:${proxy.port}` };
  const directory = join(tmpdir(), namespace.id);
  mkdirSync(directory, { recursive: true });
  const leader = await TestProcess.create({ kind: 'control-plane', name: 'leader', env, directory });
  t.teardown(() => leader.dispose());
  await leader.start();
  const standby = await runControlPlane(t, around, { ...env, MDS_PROCESS_ID: 'standby' });
  const leads = (name: string) => async () => (await standby.call('GET', '/v1/status')).body.leader.id === name;
  await until('the first to lead', TAKEOVER_MS, leads('leader'));
  await standby.call('POST', '/v1/topics', { name: `fought-${namespace.id}`, partitions: 6 });
  const workers = new Map<string, PlayedWorker>();
  const enter = async (workerId: string): Promise<void> => {
    const worker = new PlayedWorker(workerId, redis, keys);
    await worker.start();
    workers.set(workerId, worker);
  };
  t.teardown(() => Promise.all([...workers.values()].map((worker) => worker.die())));
  const shared = (count: number) => () => [...workers.values()].every(({ owned }) => owned.length === count);
  await enter('a');
  await enter('b');
  await until('a and b to share', 15_000, shared(3));

  leader.signal('SIGSTOP');
  await enter('c');
  await until('the standby to lead, though the leader closed nothing', 30_000, leads('standby'));
  await until('all three to share', 15_000, shared(2));
  leader.signal('SIGCONT');
  await workers.get('a')?.die();
  workers.delete('a');
  await until('a to be replaced', 20_000, shared(3));
  for (let round = 0; round < 3; round++) {
    // Whoever leads loses its connection while partitions move.
    await enter(`d${round}`);
    await db.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = 'mds-leader' AND datname = current_database()`,
    );
    await until('all three to share again', 20_000, shared(2));
    await workers.get(`d${round}`)?.die();
    workers.delete(`d${round}`);
    await until('the last to be replaced', 20_000, shared(3));
  }
  const assignments = record.all(keys);
  t.ok(assignments.length > 10, `${assignments.length} assignments were written`);
  t.same(doubleOwners(assignments), []);
});
