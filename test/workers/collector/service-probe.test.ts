import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import t, { type Test } from 'tap';
import { probe, type ServiceTarget } from '../../../workers/collector/service-probe.ts';
import { serviceSource } from '../../../workers/collector/service-source.ts';
import { processTargets, stackTargets } from '../../../workers/collector/service-targets.ts';

const TIMEOUT_MS = 300;

async function listening(t: Test, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port; // a TCP server
}

const httpServer = (t: Test, status: number, body: string): Promise<number> =>
  listening(
    t,
    createHttpServer((_request, response) => response.writeHead(status, { connection: 'close' }).end(body)),
  );

const httpTarget = (port: number): ServiceTarget => ({
  service: 'edge',
  instance: 'e1',
  via: 'http',
  url: `http://127.0.0.1:${port}/readyz`,
});

const dialogue = (port: number, expect: string): ServiceTarget => ({
  service: 'redis',
  instance: 'r1',
  via: 'dialogue',
  host: '127.0.0.1',
  port,
  say: Buffer.from('PING\r\n'),
  expect,
});

/** A port on which nothing listens: it was free a moment ago. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server
  await new Promise((resolve) => server.close(resolve));
  return port;
}

t.test('a process that says it is ready is healthy', async (t) => {
  const result = await probe(httpTarget(await httpServer(t, 200, '{}')), TIMEOUT_MS);
  t.match(result, { healthy: true, reason: null });
  t.ok(result.tookMs > 0);
});

t.test('a process that says it is not ready is not healthy, for the reason it gives', async (t) => {
  const result = await probe(httpTarget(await httpServer(t, 503, 'redis is away')), TIMEOUT_MS);
  t.match(result, { healthy: false, reason: 'answers 503: redis is away' });
});

t.test('a process that cannot be reached, or hangs, is not healthy', async (t) => {
  t.match(await probe(httpTarget(await closedPort()), TIMEOUT_MS), { healthy: false, reason: /ECONNREFUSED/ });
  const hanging = await listening(
    t,
    createHttpServer(() => {}),
  );
  t.match(await probe(httpTarget(hanging), 50), { healthy: false, reason: /timeout/ });
});

t.test('a service is asked something that only a working one answers', async (t) => {
  const answering = await listening(
    t,
    createServer((socket) => socket.once('data', () => socket.end('+PONG\r\n'))),
  );
  t.match(await probe(dialogue(answering, '+PONG'), TIMEOUT_MS), { healthy: true });
  t.match(await probe(dialogue(answering, '-'), TIMEOUT_MS), { healthy: false, reason: 'answers "+PONG\\r\\n"' });
});

t.test('a service that is silent, hangs up or is not there is not healthy', async (t) => {
  const silent = await listening(
    t,
    createServer((socket) => {
      socket.on('error', () => {}); // the probe hangs up
      t.teardown(() => socket.destroy());
    }),
  );
  t.match(await probe(dialogue(silent, ''), 50), { healthy: false, reason: 'no answer within 50 ms' });
  const rude = await listening(
    t,
    createServer((socket) => socket.end()),
  );
  t.match(await probe(dialogue(rude, ''), TIMEOUT_MS), { healthy: false });
  t.match(await probe(dialogue(await closedPort(), ''), TIMEOUT_MS), { healthy: false, reason: /ECONNREFUSED/ });
});

const ADDRESSES = {
  apiUrl: 'http://127.0.0.1:9400',
  kafkaBrokers: '127.0.0.1:9401,127.0.0.1:9501',
  registryUrl: 'http://127.0.0.1:9403/apis/ccompat/v7/',
  redisUrl: 'redis://127.0.0.1',
  postgresUrl: 'postgres://mds@127.0.0.1/mds',
};

t.test('the parts of the stack are those of the configuration', async (t) => {
  t.same(
    stackTargets(ADDRESSES).map((target) => [target.service, target.via === 'http' ? target.url : target.instance]),
    [
      ['control-plane', 'http://127.0.0.1:9400/readyz'],
      ['kafka', '127.0.0.1:9401'],
      ['kafka', '127.0.0.1:9501'],
      ['schema-registry', 'http://127.0.0.1:9403/apis/ccompat/v7/schemas/types'],
      ['redis', '127.0.0.1:6379'],
      ['postgres', '127.0.0.1:5432'],
    ],
  );
});

t.test('workers and edges are asked whether they are ready', async (t) => {
  t.match(processTargets([{ service: 'edge', id: 'e1', httpUrl: 'http://127.0.0.1:9412' }]), [
    { service: 'edge', instance: 'e1', via: 'http', url: 'http://127.0.0.1:9412/readyz' },
  ]);
});

t.test('the source looks at the processes the control plane knows, also while it is away', async (t) => {
  const worker = await httpServer(t, 200, '{}');
  const known = { workers: [{ workerId: 'w1', httpUrl: `http://127.0.0.1:${worker}` }], edges: [] };
  const answers = [JSON.stringify(known), 'no JSON', JSON.stringify({ workers: 'none' })];
  const api = await listening(
    t,
    createHttpServer((request, response) => {
      const isAsked = request.url === '/v1/status' && request.headers.authorization === 'Bearer mds_1_secret';
      response.writeHead(200, { connection: 'close' }).end(isAsked ? answers.shift() : '{}');
    }),
  );
  const closed = await closedPort();
  const source = serviceSource(
    {
      apiUrl: `http://127.0.0.1:${api}`,
      apiKey: 'mds_1_secret',
      kafkaBrokers: `127.0.0.1:${closed}`,
      registryUrl: `http://127.0.0.1:${closed}`,
      redisUrl: `redis://127.0.0.1:${closed}`,
      postgresUrl: `postgres://127.0.0.1:${closed}/mds`,
    },
    1,
  );
  for (const round of ['first', 'second', 'third']) {
    const health = (await source.read()).filter(({ kind }) => kind === 'HEALTH');
    t.match(
      health.find(({ labels }) => labels.instance === 'w1'),
      { service: 'stream-worker', value: 1 },
      `${round} round`,
    );
    t.equal(health.filter(({ value }) => value === 0).length, 4, 'what does not listen is not healthy');
  }
});
