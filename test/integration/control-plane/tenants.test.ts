// Two tenants on one control plane, with a real Postgres and a real Redis: what each sees, what is kept of what they did, and
// what they may use. Kafka, the registry and the authenticator are played.

import t from 'tap';
import { ControlPlaneConfig } from '../../../control-plane/config.ts';
import { definitionOf } from '../../../control-plane/durable/definitions.ts';
import { pruneAuditLog } from '../../../control-plane/store/audit-log.ts';
import { migrate, readMigrations } from '../../../control-plane/store/migrations.ts';
import { allSubscriptions } from '../../../control-plane/store/subscriptions.ts';
import { loadConfig } from '../../../platform/config.ts';
import { withTransaction } from '../../../platform/postgres.ts';
import type { AuditEntry } from '../../../schemas/api/audit.ts';
import { aServer } from '../../control-plane/api/a-server.ts';
import { aGrant, anIdentity, authenticatorOf, bearer } from '../../control-plane/api/identities.ts';
import { surroundings } from './control-plane-in-process.ts';

t.setTimeout(120_000);
const around = await surroundings(t);
const { db, redis, namespace } = around;
const client = await db.connect();
await migrate(client, await readMigrations());
client.release();
await db.query(`INSERT INTO tenants (tenant_id) VALUES ('acme'), ('globex')`);

const TEAM_A = 'labels["team"] == "a"';
const PEOPLE = {
  acme: anIdentity({ roles: ['admin'], subject: 'key:acme' }),
  globex: anIdentity({ tenant: 'globex', roles: ['admin'], subject: 'key:globex' }),
  operator: anIdentity({ tenant: 'default', roles: ['operator'], subject: 'key:operator' }),
  reader: anIdentity({ subject: 'key:reader', grants: [aGrant(['subscribe'], ['host.*'])] }),
  teamA: anIdentity({ subject: 'key:a', grants: [aGrant(['subscribe'], ['host.*'], TEAM_A)] }),
  publisher: anIdentity({ subject: 'key:p', grants: [aGrant(['publish'], ['orders_x'])] }),
};
type Who = keyof typeof PEOPLE;

const parts = (env: Record<string, string> = {}, quotas = {}) => ({
  db,
  redis,
  limits: redis,
  redisPrefix: namespace.id,
  transact: <R>(work: (of: typeof client) => Promise<R>) => withTransaction(db, work),
  authenticator: authenticatorOf(PEOPLE, quotas),
  settings: loadConfig(ControlPlaneConfig, { MDS_AUTH: 'off', ...env }),
});
const app = await aServer(t, parts());

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';
async function call(who: Who, method: Method, url: string, payload?: object, headers = {}, at = app) {
  const answer = await at.inject({
    method,
    url,
    headers: { ...bearer(who), ...headers },
    ...(payload ? { payload } : {}),
  });
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: answer.body === '' ? null : answer.json(),
    text: answer.body,
  };
}
const create = (who: Who, name: string) => call(who, 'POST', '/v1/topics', { name, partitions: 1, schema: SCHEMA });
const SCHEMA = {
  type: 'record',
  name: 'E',
  fields: [
    { name: 'n', type: 'long' },
    { name: 'labels', type: { type: 'map', values: 'string' } },
  ],
};
const names = (body: { items: { name: string }[] }) => body.items.map(({ name }) => name);

t.test('the same name in two tenants is two topics', async (t) => {
  for (const name of ['host.cpu', 'host.disk', 'host.mem', 'orders_x', 'ordersAx']) {
    t.equal((await create('acme', name)).status, 201);
  }
  t.equal((await create('globex', 'host.cpu')).status, 201);
});

t.test('each tenant has its own topics, and an identity sees those of its grants, on full pages', async (t) => {
  t.same(names((await call('globex', 'GET', '/v1/topics')).body), ['host.cpu']);
  t.equal((await call('acme', 'GET', '/v1/topics')).body.items.length, 5);
  t.same(names((await call('publisher', 'GET', '/v1/topics')).body), ['orders_x'], 'an underscore is no wildcard');
  const first = (await call('reader', 'GET', '/v1/topics?limit=2')).body;
  t.same(names(first), ['host.cpu', 'host.disk']);
  const second = (await call('reader', 'GET', `/v1/topics?limit=2&pageToken=${first.nextPageToken}`)).body;
  t.same(names(second), ['host.mem']);
  t.equal(second.nextPageToken, null);
  const foreign = await call('globex', 'GET', `/v1/topics?pageToken=${first.nextPageToken}`);
  t.match(foreign, { status: 400, body: { code: 'MDS_PAGE_TOKEN_INVALID' } });
});

t.test("what is another tenant's answers exactly as what does not exist", async (t) => {
  const { body: made } = await call('acme', 'POST', '/v1/subscriptions', { name: 'on-call', topic: 'host.mem' });
  await call('acme', 'POST', '/v1/routes', { name: 'copy', topic: 'host.mem', target: 'host.disk' });
  const requests: readonly (readonly [Method, (id: string) => string, string, object?])[] = [
    ['GET', (id) => `/v1/topics/${id}`, 'host.mem'],
    ['DELETE', (id) => `/v1/topics/${id}`, 'host.mem'],
    ['PATCH', (id) => `/v1/topics/${id}`, 'host.mem', { retentionMs: 100_000 }],
    ['GET', (id) => `/v1/topics/${id}/description`, 'host.mem'],
    ['GET', (id) => `/v1/subscriptions/${id}`, made.id],
    ['PATCH', (id) => `/v1/subscriptions/${id}`, made.id, { maxAttempts: 2 }],
    ['POST', (id) => `/v1/subscriptions/${id}/pause`, made.id],
    ['POST', (id) => `/v1/subscriptions/${id}/seek`, made.id, { to: 'earliest' }],
    ['GET', (id) => `/v1/subscriptions/${id}/ledger`, made.id],
    ['GET', (id) => `/v1/subscriptions/${id}/why?cursor=0:0`, made.id],
    ['DELETE', (id) => `/v1/subscriptions/${id}`, made.id],
    ['GET', (id) => `/v1/routes/${id}`, 'copy'],
    ['DELETE', (id) => `/v1/routes/${id}`, 'copy'],
  ];
  for (const [method, url, id, body] of requests) {
    const foreign = await call('globex', method, url(id), body);
    const nothing = await call('globex', method, url('no-such'), body);
    t.equal(foreign.status, 404, `${method} ${url(id)}`);
    t.equal(foreign.text.replaceAll(id, 'no-such'), nothing.text, `${method} ${url(id)}`);
  }
  t.equal((await call('acme', 'GET', `/v1/subscriptions/${made.id}`)).status, 200, 'nothing has happened to it');
});

t.test(
  'a subscription keeps what its maker must satisfy, and is read by nobody else who must satisfy something',
  async (t) => {
    const { status, body } = await call('teamA', 'POST', '/v1/subscriptions', {
      name: 'mine',
      topic: 'host.cpu',
      filter: 'n > 1 || n < -1',
    });
    t.equal(status, 201);
    t.match(body, { filter: 'n > 1 || n < -1', mandatoryFilter: /team/ });
    const row = (await allSubscriptions(db)).find(({ name }) => name === 'mine');
    const planned = row === undefined ? '' : definitionOf(row).filter;
    t.match(planned, /team.*&&.*\(.*\|\|.*\)|\(.*\|\|.*\).*&&.*team/, 'both, with what was asked in brackets');
    const bypass = await call('teamA', 'POST', '/v1/subscriptions', {
      name: 'b',
      topic: 'host.cpu',
      filter: 'true) || (true',
    });
    t.match(bypass, { status: 422, body: { code: 'MDS_FILTER_SYNTAX' } });
    t.equal((await call('teamA', 'GET', '/v1/subscriptions/mine/ledger')).status, 200);
    await call('acme', 'POST', '/v1/subscriptions', { name: 'everything', topic: 'host.cpu' });
    t.match(await call('teamA', 'GET', '/v1/subscriptions/everything/ledger'), { status: 403 });
    t.match(
      await call('teamA', 'DELETE', '/v1/subscriptions/everything'),
      { status: 403 },
      "it is seen, and somebody else's",
    );
    t.equal((await call('teamA', 'POST', '/v1/subscriptions/mine/pause')).status, 200, 'its own it may change');
    t.equal((await call('reader', 'POST', '/v1/subscriptions/mine/resume')).status, 403);
  },
);

const log = async (who: Who, query: string): Promise<AuditEntry[]> =>
  (await call(who, 'GET', `/v1/audit?${query}`)).body.items;

t.test('every action is in the log with before and after; replays and reads are not', async (t) => {
  const headers = { 'idempotency-key': 'once' };
  const wish = { name: 'watched', topic: 'host.cpu', maxAttempts: 3 };
  const made = await call('acme', 'POST', '/v1/subscriptions', wish, headers);
  const again = await call('acme', 'POST', '/v1/subscriptions', wish, headers);
  t.equal(again.body.id, made.body.id);
  await call('acme', 'PATCH', '/v1/subscriptions/watched', { maxAttempts: 7 });
  await call('reader', 'DELETE', '/v1/subscriptions/watched');
  await call('acme', 'DELETE', '/v1/subscriptions/watched');
  const entries = await log('acme', 'kind=subscription&limit=4');
  t.match(entries, [
    {
      action: 'delete',
      outcome: 'done',
      subject: 'key:acme',
      id: made.body.id,
      before: { maxAttempts: 7 },
      after: null,
    },
    { action: 'delete', outcome: 'refused', code: 'MDS_FORBIDDEN', subject: 'key:reader', id: 'watched' },
    { action: 'change', outcome: 'done', before: { maxAttempts: 3 }, after: { maxAttempts: 7 } },
    {
      action: 'create',
      outcome: 'done',
      tenant: 'acme',
      after: { topic: 'host.cpu' },
      requestId: made.headers['x-request-id'],
    },
  ]);
  t.same(await log('globex', 'kind=subscription'), [], "another tenant's log");
  t.ok((await log('operator', 'tenant=acme&kind=subscription')).length >= 4);
  const { text, headers: exported } = await app
    .inject({
      url: '/v1/audit?kind=subscription',
      headers: { ...bearer('acme'), accept: 'application/x-ndjson' },
    })
    .then((answer) => ({ text: answer.body, headers: answer.headers }));
  t.match(exported['content-type'], /ndjson/);
  t.equal(
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).kind)
      .every((kind) => kind === 'subscription'),
    true,
  );
});

t.test('a change that cannot be written down does not happen', async (t) => {
  await db.query('ALTER TABLE audit_log RENAME TO hidden');
  const { status } = await call('acme', 'POST', '/v1/subscriptions', { name: 'unseen', topic: 'host.cpu' });
  await db.query('ALTER TABLE hidden RENAME TO audit_log');
  t.equal(status, 500);
  t.equal((await call('acme', 'GET', '/v1/subscriptions/unseen')).status, 404);
});

t.test('the log is only ever added to; retention alone deletes, the oldest first', async (t) => {
  for (const statement of ['UPDATE audit_log SET subject = $$x$$', 'DELETE FROM audit_log', 'TRUNCATE audit_log']) {
    await t.rejects(db.query(statement), /only ever added to/, statement);
  }
  const before = (await log('acme', 'limit=500')).length;
  t.equal(await pruneAuditLog(db, { days: 1, rows: 1_000_000 }, 100), 0, 'nothing is old');
  t.ok((await pruneAuditLog(db, { days: 1, rows: 2 }, 1000)) > 0);
  t.ok((await log('acme', 'limit=500')).length < before);
  await t.rejects(db.query('DELETE FROM audit_log'), /only ever added to/, 'also after it');
});

t.test('an idempotency key is its identity’s own', async (t) => {
  const wish = { name: 'keyed', topic: 'host.cpu' };
  t.equal((await call('acme', 'POST', '/v1/subscriptions', wish, { 'idempotency-key': 'k' })).status, 201);
  const other = await call('globex', 'POST', '/v1/subscriptions', wish, { 'idempotency-key': 'k' });
  t.equal(other.status, 201);
  t.equal(other.headers['idempotency-replayed'], undefined);
  t.match(await call('reader', 'POST', '/v1/subscriptions', wish, { 'idempotency-key': 'k' }), { status: 409 });
});

t.test('a quota holds, also for those who come at the same moment', async (t) => {
  const limited = await aServer(t, parts({}, { topics: 3 }));
  const wishes = ['q1', 'q2', 'q3', 'q4'].map((name) =>
    call('globex', 'POST', '/v1/topics', { name, partitions: 1 }, {}, limited),
  );
  const answers = await Promise.all(wishes);
  t.equal(answers.filter(({ status }) => status === 201).length, 2, 'it has one already');
  t.match(answers.find(({ status }) => status === 429)?.body, { code: 'MDS_QUOTA_EXCEEDED', detail: /3 topics/ });
  t.match(await log('globex', 'outcome=refused'), [{ action: 'create', code: 'MDS_QUOTA_EXCEEDED' }]);
});

t.test('two processes share one budget in Redis', async (t) => {
  const servers = [await aServer(t, parts({ MDS_LIMIT_FAILED_AUTHENTICATIONS: '10' }))];
  servers.push(await aServer(t, parts({ MDS_LIMIT_FAILED_AUTHENTICATIONS: '10' })));
  let refused = 0;
  for (let i = 0; i < 60; i++) {
    const answer = await servers[i % 2]?.inject({ url: '/v1/topics', headers: bearer(`guess-${i}`) });
    if (answer?.statusCode === 401) refused++;
  }
  // Each learns that the minute is spent from its own next question, so one more for each.
  t.ok(refused >= 10 && refused <= 12, `${refused} bad credentials were looked at`);
});
