// Two control planes, the leading one a process of its own that is killed: the other leads, and misses no death.

import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { TestProcess } from '../harness/processes.ts';
import { until } from '../harness/until.ts';
import { runControlPlane, surroundings } from './control-plane-in-process.ts';
import { PlayedWorker } from './played-worker.ts';

const TAKEOVER_MS = 3000;

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
