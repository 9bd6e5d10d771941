import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { hostTopic } from '../../../workers/collector/host-topic.ts';

const TOPIC = {
  name: 'host.metrics',
  tenant: 'default',
  kafkaTopic: 'default.host.metrics',
  schemaId: 1,
  batchSchemaId: 2,
  schema: { type: 'record' },
};
const { signal } = new AbortController();

/** Answers each request with the next of these; remembers what was asked. */
async function controlPlane(t: Test, answers: readonly (readonly [status: number, body: unknown])[]) {
  const asked: string[] = [];
  const shown = new Set<string | undefined>();
  const left = [...answers];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers['idempotency-key'] ? 'idempotent' : ''}`.trim());
    shown.add(request.headers.authorization);
    const [status, body] = left.shift() ?? [500, {}];
    response.writeHead(status, { connection: 'close' }).end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return { asked, shown, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }; // a TCP server
}

t.test('a topic that is there is used', async (t) => {
  const { url, asked } = await controlPlane(t, [[200, TOPIC]]);
  t.same(await hostTopic({ apiUrl: url }, 'host.metrics', signal), TOPIC);
  t.same(asked, ['GET /v1/topics/host.metrics']);
});

t.test('a topic that is missing is created', async (t) => {
  const { url, asked } = await controlPlane(t, [
    [404, {}],
    [201, TOPIC],
  ]);
  t.same(await hostTopic({ apiUrl: url }, 'host.metrics', signal), TOPIC);
  t.same(asked, ['GET /v1/topics/host.metrics', 'POST /v1/topics idempotent']);
});

t.test('the key is shown with every request, and nothing where there is none', async (t) => {
  const { url, shown } = await controlPlane(t, [
    [404, {}],
    [201, TOPIC],
    [200, TOPIC],
  ]);
  await hostTopic({ apiUrl: url, apiKey: 'mds_1_secret' }, 'host.metrics', signal);
  t.same([...shown], ['Bearer mds_1_secret']);
  await hostTopic({ apiUrl: url }, 'host.metrics', signal);
  t.same([...shown], ['Bearer mds_1_secret', undefined]);
});

for (const [story, answers, reason] of [
  ['the control plane is not well', [[503, 'starting']], /answered 503: starting/],
  [
    'another collector creates it at the same time',
    [
      [404, {}],
      [409, 'exists'],
    ],
    /answered 409: exists/,
  ],
  ['the answer is not JSON', [[200, '<html>']], /not JSON/],
  ['the answer is something else', [[200, { name: 'host.metrics' }]], /not a topic/],
] as const) {
  t.test(`when ${story}, the error is one to try again on`, async (t) => {
    const { url } = await controlPlane(t, answers);
    await t.rejects(hostTopic({ apiUrl: url }, 'host.metrics', signal), {
      code: 'MDS_DEPENDENCY_UNAVAILABLE',
      retryable: true,
      message: reason,
    });
  });
}

t.test('a control plane that is not there is an error to try again on', async (t) => {
  await t.rejects(hostTopic({ apiUrl: 'http://127.0.0.1:1' }, 'host.metrics', signal), {
    code: 'MDS_DEPENDENCY_UNAVAILABLE',
  });
});
