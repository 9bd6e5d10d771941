// Who may do what over REST, route by route, without any service behind: what is refused is refused before anything is
// touched, and what is let through finds Postgres away.

import { readFile } from 'node:fs/promises';
import type { InjectOptions } from 'fastify';
import t, { type Test } from 'tap';
import { renderPermissions } from '../../../docs/api-reference/render-permissions.ts';
import { undisturbedServer } from '../../../docs/api-reference/undisturbed-server.ts';
import { problemOf } from '../../../platform/problem-details.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import { aServer, recordingDatabase } from './a-server.ts';
import { aGrant, anIdentity, authenticatorOf, bearer } from './identities.ts';

const PEOPLE = {
  reader: anIdentity({ subject: 'key:reader', grants: [aGrant(['subscribe'], ['host.*'])] }),
  manager: anIdentity({ subject: 'key:manager', grants: [aGrant(['manage'], ['host.*'])] }),
  admin: anIdentity({ subject: 'key:admin', roles: ['admin'] }),
  operator: anIdentity({ subject: 'key:operator', roles: ['operator'] }),
} satisfies Record<string, Identity>;
type Who = keyof typeof PEOPLE;

const authenticator = authenticatorOf(PEOPLE);

t.test('without a credential nothing of /v1 is answered', async (t) => {
  const app = await aServer(t, { authenticator });
  let tried = 0;
  for (const { method, url: pattern } of app.routeAccess) {
    if (!pattern.startsWith('/v1') || method === 'HEAD') continue;
    const url = pattern.replaceAll(/:\w+/g, '1');
    const answer = await app.inject({ method: method as 'GET', url });
    t.equal(answer.statusCode, 401, `${method} ${url}`);
    t.equal(answer.body, JSON.stringify(problemOf(new MdsError('MDS_UNAUTHENTICATED'))), `${method} ${url}`);
    tried++;
  }
  t.ok(tried > 30, `${tried} operations`);
});

t.test('health, metrics, the page and the documentation are open', async (t) => {
  const app = await aServer(t, { authenticator });
  for (const url of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/docs/']) {
    t.equal((await app.inject(url)).statusCode, 200, url);
  }
});

const REFUSED: readonly (readonly [
  who: Who,
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  url: string,
  body?: object,
])[] = [
  ['reader', 'POST', '/v1/topics', { name: 'host.cpu' }],
  ['manager', 'POST', '/v1/topics', { name: 'orders' }],
  ['reader', 'DELETE', '/v1/topics/host.cpu'],
  ['manager', 'DELETE', '/v1/topics/orders'],
  ['manager', 'POST', '/v1/subscriptions', { name: 'a', topic: 'host.cpu' }],
  ['reader', 'POST', '/v1/subscriptions', { name: 'a', topic: 'orders' }],
  ['manager', 'POST', '/v1/filters/check', { topic: 'host.cpu', filter: 'true' }],
  ['reader', 'POST', '/v1/routes', { name: 'r', topic: 'host.cpu', target: 'host.copy' }],
  ['manager', 'POST', '/v1/routes', { name: 'r', topic: 'host.cpu', target: 'host.copy' }],
  ['reader', 'POST', '/v1/dead-letters/purge', { filter: { topic: 'host.cpu' } }],
  ['manager', 'POST', '/v1/dead-letters/purge', { filter: { reason: 'MDS_EVENT_REFUSED' } }],
  ['manager', 'POST', '/v1/dead-letters/redrive', { all: true }],
  ['manager', 'GET', '/v1/audit'],
  ['admin', 'GET', '/v1/audit?tenant=globex'],
  ['admin', 'GET', '/v1/edges/e/slow-clients'],
  ['admin', 'POST', '/v1/edges/e/evacuate', {}],
  ['admin', 'DELETE', '/v1/edges/e/evacuate'],
  ['manager', 'GET', '/v1/connections'],
];

t.test('what no grant allows is 403, before anything is touched', async (t) => {
  const app = await aServer(t, { authenticator });
  for (const [who, method, url, payload] of REFUSED) {
    const answer = await app.inject({ method, url, headers: bearer(who), ...(payload ? { payload } : {}) });
    t.match(answer.json(), { status: 403, code: 'MDS_FORBIDDEN' }, `${who} ${method} ${url}`);
  }
});

t.test('a topic that an identity may not see is as one that does not exist', async (t) => {
  const app = await aServer(t, { authenticator });
  const hidden = await app.inject({ url: '/v1/topics/orders', headers: bearer('reader') });
  t.match(hidden.json(), { status: 404, code: 'MDS_TOPIC_UNKNOWN', detail: 'There is no topic orders.' });
});

t.test('what a grant allows is tried', async (t) => {
  const app = await aServer(t, { authenticator });
  const allowed: readonly (readonly [Who, 'GET' | 'POST' | 'DELETE', string, object?])[] = [
    ['manager', 'POST', '/v1/topics', { name: 'host.cpu' }],
    ['manager', 'DELETE', '/v1/topics/host.cpu'],
    ['reader', 'POST', '/v1/subscriptions', { name: 'a', topic: 'host.cpu' }],
    ['reader', 'POST', '/v1/filters/check', { topic: 'host.cpu', filter: 'true' }],
    ['manager', 'POST', '/v1/dead-letters/purge', { filter: { topic: 'host.cpu' } }],
    ['admin', 'POST', '/v1/dead-letters/redrive', { all: true }],
    ['admin', 'GET', '/v1/audit'],
    ['operator', 'GET', '/v1/audit?tenant=globex'],
    ['operator', 'GET', '/v1/edges/e/slow-clients'],
  ];
  for (const [who, method, url, payload] of allowed) {
    const answer = await app.inject({ method, url, headers: bearer(who), ...(payload ? { payload } : {}) });
    t.match(answer.json(), { code: 'MDS_DEPENDENCY_UNAVAILABLE' }, `${who} ${method} ${url}`);
  }
});

const auditRows = (db: ReturnType<typeof recordingDatabase>) =>
  db.statements.filter(({ text }) => text.includes('INSERT INTO audit_log')).map(({ values }) => values);

async function audited(t: Test, act: InjectOptions) {
  const db = recordingDatabase();
  const app = await aServer(t, { authenticator, db });
  const answer = await app.inject(act);
  await app.close(); // with whatever follows an answer
  return { answer, rows: auditRows(db) };
}

t.test('a refused action is in the audit log, with who, what and from where', async (t) => {
  const { answer, rows } = await audited(t, {
    method: 'POST',
    url: '/v1/topics',
    headers: bearer('reader'),
    payload: { name: 'host.cpu' },
  });
  t.equal(answer.statusCode, 403);
  const requestId = answer.headers['x-request-id'];
  t.same(rows, [
    [
      'acme',
      'key:reader',
      'acme',
      '127.0.0.1',
      requestId,
      'create',
      'topic',
      'host.cpu',
      'refused',
      'MDS_FORBIDDEN',
      null,
      null,
    ],
  ]);
});

t.test('a refusal by role is in it too; reads, bad requests and strangers are not', async (t) => {
  const { rows } = await audited(t, { method: 'DELETE', url: '/v1/edges/e1/evacuate', headers: bearer('admin') });
  t.match(rows, [['acme', 'key:admin', 'acme', '127.0.0.1', String, 'call off evacuation', 'edge', 'e1', 'refused']]);
  for (const act of [
    { method: 'GET', url: '/v1/audit', headers: bearer('reader') },
    { method: 'POST', url: '/v1/topics', headers: bearer('admin'), payload: { name: '-' } },
    { method: 'POST', url: '/v1/topics', payload: { name: 'host.cpu' } },
    {
      method: 'POST',
      url: '/v1/filters/check',
      headers: bearer('manager'),
      payload: { topic: 'host.cpu', filter: '' },
    },
  ] as const) {
    t.same((await audited(t, act)).rows, [], `${act.method} ${act.url}`);
  }
});

t.test('docs/permissions.md is what the routes say', async (t) => {
  const app = await undisturbedServer('1.2.3');
  t.teardown(() => app.close());
  const page = await readFile(new URL('../../../docs/permissions.md', import.meta.url), 'utf8');
  t.equal(page, renderPermissions(app), 'run node docs/generate-api.ts');
});
