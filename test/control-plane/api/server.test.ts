// The HTTP server without any service behind it: what it answers then, and what does not need one.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Check } from 'typebox/value';
import type { Queryable } from '../../../control-plane/store/queryable.ts';
import { Health } from '../../../platform/health.ts';
import { Problem } from '../../../schemas/api/problem.ts';
import { ServiceStatus } from '../../../schemas/api/status.ts';
import { aServer } from './a-server.ts';

t.test('an unknown path is a problem that names it', async (t) => {
  const app = await aServer(t);
  const answer = await app.inject({ method: 'PUT', url: '/v1/topics?x=1' });
  t.equal(answer.statusCode, 404);
  t.equal(answer.headers['content-type'], 'application/problem+json');
  t.match(answer.json(), { code: 'MDS_NO_ROUTE', detail: 'There is nothing at PUT /v1/topics; see /docs.' });
});

t.test('a request that is not valid shows all its problems', async (t) => {
  const app = await aServer(t);
  const payload = { name: '-bad-', partitions: 0, retentionMs: 'long', extra: true };
  const answer = await app.inject({ method: 'POST', url: '/v1/topics', payload });
  t.equal(answer.statusCode, 400);
  t.ok(Check(Problem, answer.json()));
  t.same(
    answer
      .json()
      .errors.map(({ at }: { at: string }) => at)
      .sort(),
    ['body', 'body/name', 'body/partitions', 'body/retentionMs'],
  );
  const query = await app.inject('/v1/topics?limit=501&colour=red');
  t.match(query.json(), { code: 'MDS_REQUEST_INVALID', errors: [{ at: 'querystring' }, { at: 'querystring/limit' }] });
});

t.test('a body that is too large, of another type, or not JSON is refused', async (t) => {
  const app = await aServer(t);
  const post = (payload: string, type: string) =>
    app.inject({ method: 'POST', url: '/v1/topics', payload, headers: { 'content-type': type } });
  const large = await post(JSON.stringify({ name: 'x'.repeat(3000) }), 'application/json');
  t.equal(large.statusCode, 413);
  t.match(large.json(), { code: 'MDS_REQUEST_INVALID', status: 413 });
  t.equal((await post('<x/>', 'application/xml')).statusCode, 415);
  t.match((await post('{"name":', 'application/json')).json(), { code: 'MDS_REQUEST_INVALID', status: 400 });
});

t.test('a path that cannot be read, or is too long, is a problem; one as long as a name may be is not', async (t) => {
  const app = await aServer(t);
  const status = async (url: string) => (await app.inject({ method: 'DELETE', url })).json().status;
  t.equal(await status(`/v1/topics/${'x'.repeat(200)}`), 503, 'Postgres was asked for it');
  t.equal(await status(`/v1/topics/${'x'.repeat(3000)}`), 414);
  t.equal(await status('/v1/topics/%zz'), 400);
});

t.test('a reserved name, or a schema that is none, is refused before anything is touched', async (t) => {
  const app = await aServer(t);
  const create = async (payload: object) => (await app.inject({ method: 'POST', url: '/v1/topics', payload })).json();
  t.match(await create({ name: 'dead-letter' }), { code: 'MDS_REQUEST_INVALID', errors: [{ at: 'body/name' }] });
  t.match(await create({ name: 'a', schema: { type: 'string' } }), { code: 'MDS_SCHEMA_NOT_RECORD', status: 422 });
  t.match(await create({ name: 'a', schema: { type: 'recrod' } }), { code: 'MDS_SCHEMA_INVALID', status: 422 });
});

t.test('with Postgres away requests may be sent again later', async (t) => {
  const app = await aServer(t);
  for (const url of [
    '/v1/topics',
    '/v1/topics/a',
    '/v1/subscriptions',
    '/v1/subscriptions/a',
    '/v1/dead-letters',
    '/v1/dead-letters/a',
    '/v1/workers',
    '/v1/connections',
    '/v1/edges',
  ]) {
    const answer = await app.inject(url);
    t.match(answer.json(), { status: 503, code: 'MDS_DEPENDENCY_UNAVAILABLE', retryable: true }, url);
  }
});

t.test('with everything away the status says so', async (t) => {
  const app = await aServer(t);
  const answer = await app.inject('/v1/status');
  t.equal(answer.statusCode, 200);
  t.ok(Check(ServiceStatus, answer.json()));
  const problems = answer.json().problems.join(' ');
  for (const said of [/Postgres is away/, /Redis is away/, /No control plane leads/]) t.match(problems, said);
});

t.test('a bug is answered with a reference and nothing of its inside', async (t) => {
  const db: Queryable = { query: () => Promise.reject(new TypeError('secret internals')) };
  const app = await aServer(t, { db });
  const answer = await app.inject('/v1/topics');
  t.match(answer.json(), { status: 500, code: 'MDS_INTERNAL' });
  t.notMatch(answer.body, /secret/);
});

t.test('health, readiness and metrics are there', async (t) => {
  const health = new Health();
  const app = await aServer(t, { health });
  t.equal((await app.inject('/healthz')).statusCode, 200);
  t.equal((await app.inject('/readyz')).statusCode, 200);
  health.setReady('ownership', false, 'it is paused');
  const answer = await app.inject('/readyz');
  t.equal(answer.statusCode, 503);
  t.same(answer.json(), { ready: false, reasons: ['ownership: it is paused'] });
  t.match((await app.inject('/metrics')).body, /mds_control_http_request_seconds_bucket/);
});

t.test('the API describes itself in OpenAPI 3.1, with every status', async (t) => {
  const app = await aServer(t);
  const document = (await app.inject('/openapi.json')).json();
  t.equal(document.openapi, '3.1.0');
  const isOwn = (path: string): boolean => JSON.stringify(document.paths[path]).includes('"x-door"') === false;
  t.same(Object.keys(document.paths).filter(isOwn).sort(), [
    '/v1/audit',
    '/v1/configuration',
    '/v1/configuration/{component}',
    '/v1/connections',
    '/v1/connections/disconnect',
    '/v1/connections/{edgeId}/{number}',
    '/v1/dead-letters',
    '/v1/dead-letters/purge',
    '/v1/dead-letters/redrive',
    '/v1/dead-letters/redrives/{id}',
    '/v1/dead-letters/redrives/{id}/cancel',
    '/v1/dead-letters/{id}',
    '/v1/dead-letters/{id}/redrive',
    '/v1/edges',
    '/v1/edges/{id}/evacuate',
    '/v1/edges/{id}/slow-clients',
    '/v1/errors',
    '/v1/filters/check',
    '/v1/health/distribution',
    '/v1/issuers',
    '/v1/issuers/{id}',
    '/v1/keys',
    '/v1/keys/{id}',
    '/v1/keys/{id}/rotate',
    '/v1/revocations',
    '/v1/routes',
    '/v1/routes/{id}',
    '/v1/schemas/{schemaId}',
    '/v1/status',
    '/v1/subscriptions',
    '/v1/subscriptions/{id}',
    '/v1/subscriptions/{id}/ledger',
    '/v1/subscriptions/{id}/pause',
    '/v1/subscriptions/{id}/resume',
    '/v1/subscriptions/{id}/seek',
    '/v1/subscriptions/{id}/why',
    '/v1/tenants',
    '/v1/tenants/{id}',
    '/v1/topics',
    '/v1/topics/{name}',
    '/v1/topics/{name}/description',
    '/v1/topics/{name}/rollup',
    '/v1/topics/{name}/schemas',
    '/v1/topics/{name}/schemas/check',
    '/v1/whoami',
    '/v1/workers',
    '/v1/workers/{id}',
    '/v1/workers/{id}/cordon',
  ]);
  const created = document.paths['/v1/topics'].post.responses;
  t.same(Object.keys(created), ['201', '400', '401', '403', '409', '413', '415', '422', '429', '500', '503', '504']);
  t.match(created['409'].content['application/problem+json'].schema, { $ref: '#/components/schemas/Problem' });
  t.match(created['409'].description, /MDS_ALREADY_EXISTS/);
});

t.test('the readable documentation needs nobody but this server', async (t) => {
  const app = await aServer(t);
  const page = await app.inject('/docs/');
  t.equal(page.statusCode, 200);
  t.notMatch(page.body, /https?:\/\//);
  t.match(page.headers['content-security-policy'], /default-src 'none'.*connect-src 'self'/);
  const [, script] = /<script src="([^"]+)"/.exec(page.body) ?? [];
  t.equal((await app.inject(`/docs/${script}`)).statusCode, 200);
});

t.test('without a built page it says how to build it', async (t) => {
  const app = await aServer(t);
  const answer = await app.inject('/');
  t.equal(answer.statusCode, 404);
  t.match(answer.body, /node client\/page\/build\.ts/);
});

t.test('the page is served with a policy that lets it reach edges on this machine and named ones only', async (t) => {
  const pageDir = t.testdir({});
  mkdirSync(pageDir, { recursive: true });
  const app = await aServer(t, { pageDir });
  writeFileSync(join(pageDir, 'index.html'), '<!doctype html><title>page</title>');
  writeFileSync(join(pageDir, 'page.js'), 'export {};');
  const page = await app.inject('/');
  t.equal(page.statusCode, 200);
  t.match(page.headers, { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  t.match(
    page.headers['content-security-policy'],
    "connect-src 'self' ws://127.0.0.1:* ws://localhost:* wss://edges.example.org;",
  );
  const script = await app.inject('/page.js');
  t.match(script.headers['content-type'], /javascript/);
  t.equal(script.headers['cache-control'], 'no-cache');
  t.equal((await app.inject('/../package.json')).statusCode, 404);
});

t.test("a writer's schema is shown with that of its events, for ever; an unknown one is a problem", async (t) => {
  const event = { type: 'record', name: 'a.E', fields: [{ name: 'n', type: 'long', doc: 'a number' }] };
  const items = { type: 'array', items: event };
  const batch = { type: 'record', name: 'a.B', 'mds.batch': 'events', fields: [{ name: 'events', type: items }] };
  const texts = new Map([
    [1, JSON.stringify(event)],
    [2, JSON.stringify(batch)],
  ]);
  const getSchemaById = async (schemaId: number) => {
    const schema = texts.get(schemaId);
    return schema === undefined ? 'unknown' : { schema };
  };
  const subjectsOf = async () => ['default.orders-value'];
  const db: Queryable = { query: async () => ({ rows: [], rowCount: 0, command: '', oid: 0, fields: [] }) };
  const app = await aServer(t, { db, schemas: { getSchemaById, subjectsOf } });
  const eventSchema = { type: 'record', name: 'a.E', fields: [{ name: 'n', type: 'long' }] };
  const answer = await app.inject('/v1/schemas/1');
  t.match(answer.headers, { 'cache-control': /immutable/ });
  t.same(answer.json(), { schemaId: 1, schema: event, eventSchema });
  t.same((await app.inject('/v1/schemas/2')).json(), { schemaId: 2, schema: batch, eventSchema });
  const unknown = await app.inject('/v1/schemas/3');
  t.equal(unknown.statusCode, 404);
  t.match(unknown.json(), { code: 'MDS_SCHEMA_UNKNOWN_ID', detail: /3/ });
});
