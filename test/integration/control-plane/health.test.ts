// What the distribution's health says of a service that lacks its data plane, on real parts.

import t from 'tap';
import type { DistributionHealth } from '../../../schemas/api/health.ts';
import { runMds } from '../../client/command/run-mds.ts';
import { runControlPlane, surroundings } from './control-plane-in-process.ts';

t.setTimeout(60_000);

t.test('a service without workers and edges is failing, and says what to start', async (t) => {
  const controlPlane = await runControlPlane(t, await surroundings(t));
  const created = await controlPlane.call('POST', '/v1/topics', { name: 'orders', partitions: 1 });
  t.equal(created.status, 201, JSON.stringify(created.body));
  const { status, body } = await controlPlane.call('GET', '/v1/health/distribution');
  const health: DistributionHealth = body;
  t.equal(status, 200);
  t.equal(health.verdict, 'failing');
  t.same(
    health.reasons.map(({ rule }) => rule),
    ['no-worker', 'no-edge'],
    'Redis, Postgres and the registry answer',
  );
  t.match(health.topics, [{ topic: 'orders', reasons: [{ rule: 'partition-without-owner' }] }]);
  const mds = await runMds(['--api', controlPlane.url, 'health']);
  t.equal(mds.code, 1, 'a script can tell');
  t.match(mds.stdout, /^failing\n {2}! No stream worker runs/);
  const metrics = await (await fetch(`${controlPlane.url}/metrics`)).text();
  t.match(metrics, 'mds_control_distribution_health 2');
  t.match(metrics, 'mds_control_distribution_health_reasons{rule="no-edge"} 1');
});
