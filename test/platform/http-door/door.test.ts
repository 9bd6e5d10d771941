// The door of an HTTP server: who comes in, who does not, and what every answer carries.

import fastify from 'fastify';
import t, { type Test } from 'tap';
import { Type } from 'typebox';
import { httpDoorConfig, loadConfig } from '../../../platform/config.ts';
import { type Access, ADMIN, ANYBODY, FOUND, GRANT, OPERATOR, PUBLIC } from '../../../platform/http-door/access.ts';
import { httpServerOptions } from '../../../platform/http-door/http-server.ts';
import { openDoor } from '../../../platform/http-door/open-door.ts';
import { type Authenticator, openAuthenticator } from '../../../platform/identity/authenticator.ts';
import { problemOfThrown } from '../../../platform/problem-details.ts';
import { aGrant, anIdentity, authenticatorOf, bearer } from '../../control-plane/api/identities.ts';

const KNOWN = authenticatorOf({
  reader: anIdentity({ grants: [aGrant(['subscribe'], ['host.*'])] }),
  admin: anIdentity({ subject: 'key:2', roles: ['admin'] }),
  operator: anIdentity({ subject: 'key:3', roles: ['operator'] }),
  other: anIdentity({ tenant: 'globex', subject: 'key:4' }),
});

interface Route {
  readonly access?: Access;
  readonly look?: boolean;
}

async function aDoor(
  t: Test,
  routes: Readonly<Record<string, Route>>,
  { authenticator = KNOWN, env = {} }: { authenticator?: Authenticator; env?: Record<string, string> } = {},
) {
  const settings = loadConfig(Type.Object(httpDoorConfig), env);
  const app = fastify(httpServerOptions({ ...settings, bodyLimitBytes: 1000 }));
  app.setErrorHandler((thrown, _request, reply) => {
    const problem = problemOfThrown(thrown, () => 'a bug');
    return reply.code(problem.status).type('application/problem+json').serializer(JSON.stringify).send(problem);
  });
  await openDoor(app, { authenticator, settings, redis: null, redisPrefix: 'test' });
  for (const [path, { access, look = true }] of Object.entries(routes)) {
    const config = access === undefined ? {} : { access };
    app.all(path, { config }, async (request) => ({ who: look ? request.identity.subject : null }));
  }
  await app.ready();
  t.teardown(() => app.close());
  return app;
}

t.test('a route that does not say who may use it keeps the process from starting', async (t) => {
  await t.rejects(aDoor(t, { '/v1/forgotten': {} }), { message: /\/v1\/forgotten does not say who may use it/ });
});

t.test('without a credential, or with a wrong one, the answer is the same, and says how to come in', async (t) => {
  const app = await aDoor(t, { '/x': { access: ANYBODY('all') } });
  const bodies = new Set<string>();
  for (const headers of [{}, bearer('nobody'), { authorization: 'Basic YTpi' }, { authorization: 'Bearer' }]) {
    const answer = await app.inject({ url: '/x', headers });
    t.equal(answer.statusCode, 401);
    t.equal(answer.headers['content-type'], 'application/problem+json');
    t.match(answer.headers['www-authenticate'], /^Bearer realm="mds"/);
    bodies.add(answer.body);
  }
  t.equal(bodies.size, 1);
  t.match(JSON.parse([...bodies][0] ?? ''), { code: 'MDS_UNAUTHENTICATED', status: 401 });
});

t.test('the scheme may be written in any case', async (t) => {
  const app = await aDoor(t, { '/x': { access: ANYBODY('all') } });
  t.same((await app.inject({ url: '/x', headers: { authorization: 'bearer  admin' } })).json(), { who: 'key:2' });
});

t.test('each route lets in whom it says', async (t) => {
  const app = await aDoor(t, {
    '/topics/:name': { access: GRANT('subscribe', { param: 'name' }) },
    '/manage/:name': { access: GRANT('manage', { param: 'name' }) },
    '/body': { access: GRANT('publish', { body: 'topic' }) },
    '/admin': { access: ADMIN },
    '/operator': { access: OPERATOR },
  });
  const status = async (who: string, url: string, payload?: object) =>
    (await app.inject({ method: payload ? 'POST' : 'GET', url, headers: bearer(who), ...(payload ? { payload } : {}) }))
      .statusCode;
  t.equal(await status('reader', '/topics/host.cpu'), 200);
  t.equal(await status('reader', '/topics/orders'), 403);
  t.equal(await status('reader', '/manage/host.cpu'), 403);
  t.equal(await status('admin', '/manage/host.cpu'), 200);
  t.equal(await status('reader', '/body', { topic: 'host.cpu' }), 403);
  t.equal(await status('admin', '/body', { topic: 'host.cpu' }), 200);
  t.equal(await status('reader', '/body', { nothing: true }), 403);
  t.equal(await status('reader', '/admin'), 403);
  t.equal(await status('admin', '/admin'), 200);
  t.equal(await status('admin', '/operator'), 403);
  t.equal(await status('operator', '/operator'), 200);
});

t.test('a route that finds its topic itself and never looks who calls answers nothing', async (t) => {
  const app = await aDoor(t, {
    '/looks': { access: FOUND('a rule') },
    '/forgets': { access: FOUND('a rule'), look: false },
  });
  t.equal((await app.inject({ url: '/looks', headers: bearer('reader') })).statusCode, 200);
  const forgotten = await app.inject({ url: '/forgets', headers: bearer('reader') });
  t.equal(forgotten.statusCode, 500);
  t.notMatch(forgotten.body, /who/);
});

t.test('a public route is open, and has no identity to ask', async (t) => {
  const app = await aDoor(t, {
    '/open': { access: PUBLIC('a test'), look: false },
    '/asks': { access: PUBLIC('a test') },
  });
  t.equal((await app.inject('/open')).statusCode, 200);
  t.equal((await app.inject('/asks')).statusCode, 500);
});

t.test('every answer has the security headers, an id, and what is left of the budgets', async (t) => {
  const app = await aDoor(t, { '/x': { access: ANYBODY('all') } });
  const { headers } = await app.inject({ url: '/x', headers: bearer('reader') });
  t.match(headers, {
    'x-content-type-options': 'nosniff',
    'content-security-policy': /frame-ancestors 'none'/,
    'cache-control': 'no-store',
    'x-request-id': /^[0-9a-f-]{36}$/,
    ratelimit: /^"reads-\w+";r=\d+;t=1$/,
    'ratelimit-policy': /"reads-address";q=10000;w=1, "reads-subject";q=10000;w=1, "reads-tenant";q=20000;w=1/,
  });
});

t.test('a spent budget is 429 with when to come back, and is the own one only', async (t) => {
  const app = await aDoor(t, { '/x': { access: ANYBODY('all') } }, { env: { MDS_LIMIT_READS_PER_TENANT: '3' } });
  const get = (who: string) => app.inject({ url: '/x', headers: bearer(who) });
  for (let i = 0; i < 3; i++) t.equal((await get('reader')).statusCode, 200);
  const refused = await get('admin');
  t.equal(refused.statusCode, 429);
  t.match(refused.json(), { code: 'MDS_RATE_LIMITED', detail: /More than 3 reads a second by this tenant/ });
  t.match(refused.headers, { 'retry-after': '1', ratelimit: '"reads-tenant";r=0;t=1' });
  t.equal((await get('other')).statusCode, 200, 'of another tenant');
});

t.test('too many bad credentials shut an address out, but not whoever was let in before', async (t) => {
  const app = await aDoor(t, { '/x': { access: ANYBODY('all') } }, { env: { MDS_LIMIT_FAILED_AUTHENTICATIONS: '3' } });
  const get = (who: string) => app.inject({ url: '/x', headers: bearer(who) });
  t.equal((await get('reader')).statusCode, 200);
  for (let i = 0; i < 3; i++) t.equal((await get(`guess-${i}`)).statusCode, 401);
  const refused = await get('guess-4');
  t.equal(refused.statusCode, 429);
  t.ok(Number(refused.headers['retry-after']) > 1);
  t.equal((await get('admin')).statusCode, 429, 'a credential that was not seen good here could be a guess');
  t.equal((await get('reader')).statusCode, 200);
  t.equal((await app.inject('/x')).statusCode, 429, 'neither without one');
});

t.test('pages of other origins are refused unless they are listed; tools without an origin are not', async (t) => {
  const env = { MDS_HTTP_ALLOWED_ORIGINS: 'https://dash.example.org' };
  const app = await aDoor(t, { '/x': { access: ANYBODY('all') } }, { env });
  const from = (origin: string, method: 'POST' | 'OPTIONS' = 'POST') =>
    app.inject({ method, url: '/x', headers: { origin, host: 'mds.example.org', ...bearer('reader') } });
  t.match((await from('https://evil.example.org')).json(), { status: 403, code: 'MDS_ORIGIN_REFUSED' });
  t.equal((await from('null')).statusCode, 403);
  t.equal((await from('https://mds.example.org')).statusCode, 200, 'its own page');
  const listed = await from('https://dash.example.org');
  t.equal(listed.statusCode, 200);
  t.equal(listed.headers['access-control-allow-origin'], 'https://dash.example.org');
  t.equal(listed.headers['access-control-allow-credentials'], undefined);
  const preflight = await app.inject({
    method: 'OPTIONS',
    url: '/x',
    headers: { origin: 'https://dash.example.org', 'access-control-request-method': 'PATCH' },
  });
  t.equal(preflight.statusCode, 204);
  t.match(preflight.headers['access-control-allow-methods'], /PATCH/);
});

t.test('while authentication is off, only names of this machine are answered', async (t) => {
  const app = await aDoor(t, { '/x': { access: ANYBODY('all') } }, { authenticator: openAuthenticator });
  const at = async (host: string) => (await app.inject({ url: '/x', headers: { host } })).statusCode;
  for (const host of ['localhost:9400', '127.0.0.1:9400', '[::1]:9400', 'localhost'])
    t.equal(await at(host), 200, host);
  for (const host of ['evil.example.org', 'localhost.example.org', '127.0.0.1.nip.io:9400'])
    t.equal(await at(host), 403, host);
});

t.test('what a proxy says of the caller counts only when the proxy is known', async (t) => {
  const env = { MDS_LIMIT_READS_PER_ADDRESS: '1' };
  const get = async (app: Awaited<ReturnType<typeof aDoor>>, forwarded: string) =>
    (await app.inject({ url: '/x', headers: { 'x-forwarded-for': forwarded, ...bearer('reader') } })).statusCode;
  const alone = await aDoor(t, { '/x': { access: ANYBODY('all') } }, { env });
  t.equal(await get(alone, '10.0.0.1'), 200);
  t.equal(await get(alone, '10.0.0.2'), 429, 'it is the same caller');
  const behind = await aDoor(
    t,
    { '/x': { access: ANYBODY('all') } },
    { env: { ...env, MDS_HTTP_TRUSTED_PROXIES: '127.0.0.1' } },
  );
  t.equal(await get(behind, '10.0.0.1'), 200);
  t.equal(await get(behind, '10.0.0.2'), 200);
});
