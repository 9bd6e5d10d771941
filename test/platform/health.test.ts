import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { answerHealth, HEALTH_PATHS, Health, listen, startHealthServer } from '../../platform/health.ts';
import { createMetrics } from '../../platform/metrics.ts';

const metrics = createMetrics('health-test');
const LOCAL = { host: '127.0.0.1', port: 0 } as const;

async function start(test: Pick<typeof t, 'teardown'>, health = new Health(), itsMetrics = metrics) {
  const server = await startHealthServer({ ...LOCAL, health, metrics: itsMetrics });
  test.teardown(() => server.close());
  return { get: (path: string) => fetch(`http://127.0.0.1:${server.port}${path}`), port: server.port };
}

t.test('a process is ready when nothing it knows of is missing', async (t) => {
  const turns: boolean[] = [];
  const health = new Health(({ ready }) => turns.push(ready));
  t.strictSame(health.readiness(), { ready: true, reasons: [] });
  health.setReady('kafka', false, 'no broker');
  health.setReady('redis', false);
  health.setReady('kafka', false, 'still no broker');
  t.strictSame(health.readiness(), {
    ready: false,
    reasons: ['kafka: still no broker', 'redis: it is not available'],
  });
  health.setReady('kafka', true);
  health.setReady('redis', true);
  health.setReady('redis', true);
  t.strictSame(turns, [false, true], 'told once for each turn');
});

t.test('/healthz says alive whatever is missing', async (t) => {
  const health = new Health();
  health.setReady('kafka', false);
  const { get } = await start(t, health);
  const response = await get('/healthz');
  t.equal(response.status, 200);
  t.match(await response.json(), { status: 'alive', pid: process.pid });
});

t.test('/readyz is 200 or 503, with the reasons', async (t) => {
  const health = new Health();
  const { get } = await start(t, health);
  t.equal((await get('/readyz')).status, 200);
  health.setReady('lane', false, 'silent for 2 s');
  const response = await get('/readyz?verbose');
  t.equal(response.status, 503);
  t.strictSame(await response.json(), { ready: false, reasons: ['lane: silent for 2 s'] });
});

t.test('/metrics is in the Prometheus text format', async (t) => {
  const { get } = await start(t);
  const response = await get('/metrics');
  t.match(response.headers.get('content-type'), 'text/plain');
  t.match(await response.text(), 'mds_health_test_process_cpu_seconds_total');
});

t.test('any other path is 404 with a code', async (t) => {
  const { get } = await start(t);
  const response = await get('/');
  t.equal(response.status, 404);
  t.match(await response.json(), { code: 'MDS_NO_ROUTE' });
  t.equal(await answerHealth('/v1/status', new Health(), metrics), null);
  t.same(HEALTH_PATHS, ['/healthz', '/readyz', '/metrics']);
});

t.test('metrics that cannot be read are a 500, not a crash', async (t) => {
  const broken = createMetrics('broken');
  broken.registry.metrics = () => Promise.reject(new Error('collector failed'));
  const { get } = await start(t, new Health(), broken);
  const response = await get('/metrics');
  t.equal(response.status, 500);
  t.match(await response.json(), { code: 'MDS_INTERNAL' });
});

t.test('a busy port is an error that names the port and the variable', async (t) => {
  const { port } = await start(t);
  await t.rejects(startHealthServer({ ...LOCAL, port, health: new Health(), metrics }), {
    code: 'MDS_PORT_BUSY',
    message: `Port ${port} (health and metrics) is already in use. Stop that process or set MDS_HTTP_PORT.`,
  });
});

t.test('other errors of listening stay what they are', async (t) => {
  await t.rejects(listen(createServer(), '192.0.2.1', 0), { code: 'EADDRNOTAVAIL' });
});

t.test('after close the port is free', async (t) => {
  const server = await startHealthServer({ ...LOCAL, health: new Health(), metrics });
  await server.close();
  const next = createServer();
  await listen(next, '127.0.0.1', server.port);
  t.equal((next.address() as AddressInfo).port, server.port);
  next.close();
});
