// The control plane while Postgres or Redis is away: it says so, changes nothing, and comes back by itself.

import t from 'tap';
import { until } from '../harness/until.ts';
import { runControlPlane, surroundings } from './control-plane-in-process.ts';
import { startProxy } from './cuttable-proxy.ts';
import { PlayedWorker } from './played-worker.ts';

const around = await surroundings(t);
const { namespace, redis, keys } = around;

async function throughProxy(
  variable: string,
): Promise<[Awaited<ReturnType<typeof startProxy>>, Record<string, string>]> {
  const target = new URL(namespace.env[variable] ?? '');
  const proxy = await startProxy(t, Number(target.port));
  target.port = String(proxy.port);
  return [proxy, { [variable]: target.href }];
}

const [postgres, postgresEnv] = await throughProxy('MDS_POSTGRES_URL');
const [redisProxy, redisEnv] = await throughProxy('MDS_REDIS_URL');
const api = await runControlPlane(t, around, { MDS_PROCESS_ID: 'only', ...postgresEnv, ...redisEnv });
const name = `outage-${namespace.id}`;
await api.call('POST', '/v1/topics', { name, partitions: 2 });
const worker = new PlayedWorker('a', redis, keys);
await worker.start();
t.teardown(() => worker.die());
await until('ownership', 5000, () => worker.owned.length === 2);

const isReady = async (): Promise<boolean> => (await api.call('GET', '/readyz')).status === 200;
const leaderId = async (): Promise<string | null> => (await api.call('GET', '/v1/status')).body.leader.id;
await until('readiness', 5000, isReady);

t.test('without Postgres the workers keep what they have, and the last known is shown', async (t) => {
  const { owned, revision } = worker;
  postgres.cut();
  await until('not to be ready', 5000, async () => !(await isReady()));
  t.match((await api.call('GET', '/readyz')).body.reasons.join(), /postgres: ownership is paused, data keeps flowing/);
  const { status, body } = await api.call('GET', '/v1/status');
  t.equal(status, 200);
  t.match(body, { leader: { id: null }, workers: [{ workerId: 'a' }], topics: [{ name }] });
  t.same(
    body.topics[0].partitions.map(({ workerId }: { workerId: string }) => workerId),
    ['a', 'a'],
  );
  t.match(body.problems.join(' '), /Postgres is away/);
  t.match(await api.call('GET', '/v1/topics'), { status: 503, body: { code: 'MDS_DEPENDENCY_UNAVAILABLE' } });
  t.match(await api.call('POST', '/v1/topics', { name: 'x' }), { status: 503, body: { retryable: true } });

  postgres.mend();
  await until('readiness', 10_000, isReady);
  await until('the lead', 5000, async () => (await leaderId()) === 'only');
  t.same([worker.owned, worker.revision], [owned, revision], 'and nothing has moved');
});

t.test('without Redis the status says what it lacks, and nobody is declared dead when it is back', async (t) => {
  const { owned, revision } = worker;
  redisProxy.cut();
  await until('not to be ready', 5000, async () => !(await isReady()));
  const { status, body } = await api.call('GET', '/v1/status');
  t.equal(status, 200);
  t.match(body.problems.join(' '), /Redis is away/);
  t.same(body.workers, []);
  t.match(body.topics, [{ name, partitions: [{ workerId: 'a' }, { workerId: 'a' }] }]);
  t.match(await api.call('GET', '/v1/workers'), { status: 503, body: { code: 'MDS_DEPENDENCY_UNAVAILABLE' } });

  redisProxy.mend();
  await until('readiness', 10_000, isReady);
  t.same([worker.owned, worker.revision], [owned, revision]);
});
