// S6: what a page in a user's browser could do to a service that this browser can reach. A foreign origin is refused at every
// operation of every HTTP door and at the edge's upgrade, whether it changes anything or only reads; so is a foreign name for this
// machine (DNS rebinding) while authentication is off. A request that a browser sends without asking first changes nothing.

import { type IncomingMessage, request } from 'node:http';
import t from 'tap';
import type { ApiDocument } from '../../platform/openapi/complete-document.ts';
import type { TestProcess } from '../integration/harness/processes.ts';
import { startService } from '../integration/harness/service.ts';
import { RawWebSocket } from './websocket/raw-websocket.ts';

const FOREIGN = ['https://evil.example', 'http://127.0.0.1.evil.example', 'null', 'http://localhost:1', 'file://'];
const AT_ONCE = 8;

t.setTimeout(120_000);
const service = await startService(t);
const [ingest, query] = [await service.addIngest(), await service.addQuery()];
await Promise.all([ingest.start(), query.start()]);
const { controlPlane } = service;
const edge = service.edge(0);
const document = await service.api.get<ApiDocument>('/openapi.json');

interface Seen {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
}

/** As a browser sends it: with headers that `fetch` would not let through. */
function send(
  { httpUrl }: Pick<TestProcess, 'httpUrl'>,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body = '',
): Promise<Seen> {
  const { promise, resolve, reject } = Promise.withResolvers<Seen>();
  const length = method === 'GET' ? {} : { 'content-length': String(body.length) };
  const asked = request(new URL(path, httpUrl), { method, headers: { ...length, ...headers } }, (answer) => {
    answer.resume();
    resolve({ status: answer.statusCode ?? 0, headers: answer.headers });
  });
  asked.on('error', reject);
  asked.end(body);
  return promise;
}

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    name: `${method} ${path}`,
    method: method.toUpperCase(),
    path: path.replace(/\{\w+\}/g, '1'),
    process: { ingest, query }[String(operation['x-door'])] ?? controlPlane,
  })),
);

async function ofAll(check: (operation: (typeof operations)[number]) => Promise<void>): Promise<void> {
  const left = operations.slice();
  const turn = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await check(next);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, turn));
}

t.test('no operation answers a page of another origin', async (t) => {
  await ofAll(async ({ name, method, path, process }) => {
    for (const origin of FOREIGN) {
      const { status, headers } = await send(process, method, path, { origin, 'content-type': 'application/json' });
      if (status !== 403) t.fail(`${name} answers ${status} to ${origin}`);
      if ('access-control-allow-origin' in headers) t.fail(`${name} lets ${origin} read the answer`);
    }
  });
  t.ok(operations.length > 40, `${operations.length} operations`);
});

t.test('no operation answers under another name of this machine, while everybody may do everything', async (t) => {
  await ofAll(async ({ name, method, path, process }) => {
    const { status } = await send(process, method, path, { host: 'rebound.evil.example' });
    if (status !== 403) t.fail(`${name} answers ${status}`);
  });
});

t.test('what a browser sends without asking first is refused before it is read', async (t) => {
  const { name } = await service.createTopic({ name: 'kept', partitions: 1 });
  const body = JSON.stringify({ name: 'made-by-a-page', partitions: 1 });
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
    const headers = { 'content-type': type, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    t.equal((await send(controlPlane, 'POST', '/v1/topics', headers, body)).status, 403, type);
    const unsaid = await send(controlPlane, 'POST', '/v1/topics', { 'content-type': type }, body);
    t.ok([400, 415].includes(unsaid.status), `${type} without its origin: ${unsaid.status}`);
    const taken = await send(ingest, 'POST', `/v1/topics/${name}/events`, headers, '[]');
    t.ok([403, 415].includes(taken.status), `${type} to the ingest door: ${taken.status}`);
  }
  const { items } = await service.api.get<{ items: { name: string }[] }>('/v1/topics');
  t.notOk(items.some((topic) => topic.name === 'made-by-a-page'));
});

t.test('a browser that asks first is told no', async (t) => {
  for (const process of [controlPlane, ingest, query]) {
    const { headers } = await send(process, 'OPTIONS', '/v1/topics', {
      origin: 'https://evil.example',
      'access-control-request-method': 'POST',
    });
    t.notOk('access-control-allow-origin' in headers, process.name);
  }
});

t.test('the own pages are answered, and so are programs, which send no origin', async (t) => {
  const own = { origin: controlPlane.httpUrl };
  t.equal((await send(controlPlane, 'GET', '/v1/topics', own)).status, 200);
  t.equal((await send(controlPlane, 'GET', '/v1/topics', {})).status, 200);
});

t.test('answers cannot be framed, sniffed or kept', async (t) => {
  for (const path of ['/v1/topics', '/docs/', '/openapi.json']) {
    const { headers } = await send(controlPlane, 'GET', path, {});
    t.equal(headers['x-content-type-options'], 'nosniff', path);
    t.match(
      `${headers['x-frame-options']} ${headers['content-security-policy']}`,
      /DENY|frame-ancestors 'none'/i,
      path,
    );
  }
});

t.test('the edge takes WebSockets of its own machine and of programs, and of no other page', async (t) => {
  const port = Number(new URL(edge.clientUrl).port);
  const opens = async (headers: Readonly<Record<string, string>>): Promise<boolean> => {
    try {
      (await RawWebSocket.open({ port, headers })).destroy();
      return true;
    } catch {
      return false;
    }
  };
  for (const Origin of FOREIGN.filter((origin) => !origin.includes('localhost')))
    t.notOk(await opens({ Origin }), Origin);
  for (const Origin of ['http://localhost:9400', 'http://127.0.0.1:1', 'https://[::1]'])
    t.ok(await opens({ Origin }), Origin);
  t.ok(await opens({}));
});
