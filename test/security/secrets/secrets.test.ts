// S8: secrets are planted wherever there are any, things are made to go wrong with them, and then they are searched for in all
// that the run wrote or said: logs, metrics, everything in Postgres, errors, settings, and every answer but the one that makes a
// key or a ticket.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type ProcessKind, TestProcess } from '../../integration/harness/processes.ts';
import { until } from '../../integration/harness/until.ts';
import { ask, GuardedService, UNLIMITED } from '../harness/guarded-service.ts';
import { makeIssuer } from '../tokens/bad-credentials.ts';
import { RawWebSocket, text } from '../websocket/raw-websocket.ts';
import { everyRow } from './every-row.ts';
import { Planted } from './planted.ts';

const PASSWORD = 'planted-password-0123456789';
const HMAC_KEY = '0b'.repeat(16) + 'c4'.repeat(16);
/** Everywhere an operator can look. */
const SHOWN = [
  ...['/v1/status', '/v1/keys', '/v1/tenants', '/v1/issuers', '/v1/connections', '/v1/audit', '/v1/errors'],
  ...['/v1/configuration', '/v1/workers', '/v1/edges', '/v1/whoami', '/openapi.json', '/v1/health/distribution'],
];

/** Some processes go on trying. */
const PATIENCE_MS = 5000;

t.setTimeout(120_000);
const planted = new Planted();
const said: string[] = [];

/** With a password in the URL of Postgres, which trusts whoever comes from this machine. */
const withPassword = (url = ''): string => url.replace('://mds@', `://mds:${PASSWORD}@`);

const guarded = await GuardedService.start(
  t,
  { ...UNLIMITED, MDS_AUTH_SECRET: HMAC_KEY, MDS_LOG_LEVEL: 'trace' },
  (env) => ({
    MDS_POSTGRES_URL: withPassword(env.MDS_POSTGRES_URL),
  }),
);
planted.plant('the key of the HMAC', HMAC_KEY);
planted.plant('the password of Postgres', PASSWORD);
planted.plant("the operator's key", guarded.operatorKey);
const { service } = guarded;
const [ingest, query] = [await service.addIngest(), await service.addQuery()];
await Promise.all([ingest.start(), query.start()]);
const edge = service.edge(0);
const edgeUrl = edge.clientUrl.replace('ws:', 'http:');

const keep = async (...request: Parameters<typeof ask>): Promise<number> => {
  const { status, headers, text: answer } = await ask(...request);
  said.push(answer, JSON.stringify([...headers]));
  return status;
};

t.test('credentials are used, misused and put where they do not belong', async (t) => {
  const tenant = await guarded.newTenant('secretive');
  const admin = await guarded.newKey({ tenant, roles: ['admin'] });
  const revoked = await guarded.newKey({ tenant, roles: ['admin'] });
  await guarded.must('DELETE', `/v1/keys/${revoked.id}?tenant=${tenant}`);
  const rotated = await guarded.must('POST', `/v1/keys/${admin.id}/rotate?tenant=${tenant}`, { overlapSeconds: 60 });
  const issuer = await makeIssuer(`https://${tenant}.example.com/`);
  const keys = { jwks: issuer.jwks };
  const wish = { issuer: issuer.issuer, audiences: ['mds'], algorithms: ['ES256'], keys, tenant: { fixed: tenant } };
  await guarded.must('POST', '/v1/issuers', { ...wish, grants: [{ actions: ['subscribe'], topics: ['*'] }] });
  const credentials = [
    admin.credential,
    revoked.credential,
    rotated.credential,
    await issuer.token(),
    await issuer.forged(),
  ];
  for (const [at, credential] of credentials.entries()) planted.plant(`credential ${at}`, credential);

  for (const credential of credentials) {
    for (const httpUrl of [service.controlPlane.httpUrl, ingest.httpUrl, query.httpUrl, edge.httpUrl, edgeUrl]) {
      await keep(httpUrl, 'GET', '/v1/topics/none', { credential });
      await keep(httpUrl, 'POST', '/v1/topics/none/events', { credential, body: { password: credential } });
      await keep(httpUrl, 'GET', `/v1/topics?access_token=${credential}&filter=${credential}`);
      await keep(httpUrl, 'GET', `/v1/${credential}/none`).then((status) => t.ok(status >= 400, httpUrl));
      await keep(httpUrl, 'GET', '/v1/topics', { headers: { authorization: `Basic ${credential}` } });
      await keep(httpUrl, 'GET', '/v1/topics', { headers: { cookie: `session=${credential}` } });
    }
    const ticket = await ask(edgeUrl, 'POST', '/v1/tickets', { credential });
    if (ticket.status === 201) planted.plant('a ticket', JSON.parse(ticket.text).ticket);
    for (const used of [credential, ticket.status === 201 ? JSON.parse(ticket.text).ticket : 'none']) {
      await keep(edgeUrl, 'GET', `/v1/topics/none/events?ticket=${used}`);
      await keep(edgeUrl, 'GET', `/v1/topics/none/events?ticket=${used}&lastEventId=${used}`);
    }
    const port = Number(new URL(edge.clientUrl).port);
    const offered = `mds.v1.json, mds.auth.${Buffer.from(credential).toString('base64url')}`;
    for (const headers of [{ Authorization: `Bearer ${credential}` }, { 'Sec-WebSocket-Protocol': offered }, {}]) {
      const client = await RawWebSocket.open({ port, headers });
      await client.write(
        text(JSON.stringify({ type: 'auth', credential })),
        text(JSON.stringify({ type: 'auth', credential: [credential] })),
        text(`{"type":"subscribe","id":"a","topic":"none","filter":${JSON.stringify(credential)}`),
      );
      await client.until(() => client.isEnded || client.seen.length > 0, 'an answer');
      said.push(...client.messages.filter((message) => !message.includes('subscribe')));
      client.destroy();
    }
  }
});

t.test('a process that finds nobody where it should says why, and not with what', async (t) => {
  const broken: readonly (readonly [ProcessKind, Readonly<Record<string, string>>])[] = [
    [
      'control-plane',
      { MDS_POSTGRES_URL: `postgres://mds:${PASSWORD}@127.0.0.1:1/mds`, MDS_CONNECT_TIMEOUT_MS: '500' },
    ],
    ['control-plane', { MDS_POSTGRES_URL: `mysql://mds:${PASSWORD}@127.0.0.1/mds` }],
    ['control-plane', { MDS_OPERATOR_KEY: `not-a-key-${PASSWORD}` }],
    ['edge', { MDS_REDIS_URL: `redis://:${PASSWORD}@127.0.0.1:1`, MDS_CONNECT_TIMEOUT_MS: '500' }],
    ['edge', { MDS_AUTH_SECRET: `short-${PASSWORD}` }],
    ['ingest', { MDS_REGISTRY_URL: `ftp://user:${PASSWORD}@127.0.0.1` }],
    ['ingest', { MDS_REGISTRY_URL: `http://user:${PASSWORD}@127.0.0.1:1/x` }],
    ['stream', { MDS_REDIS_URL: `redis://default:${PASSWORD}@127.0.0.1:1`, MDS_CONNECT_TIMEOUT_MS: '500' }],
    ['query', { MDS_POSTGRES_URL: `postgres://mds:${PASSWORD}@127.0.0.1:1/mds`, MDS_CONNECT_TIMEOUT_MS: '500' }],
    ['stream', { MDS_KAFKA_BROKERS: `SASL_SSL://user:${PASSWORD}@127.0.0.1:1`, MDS_CONNECT_TIMEOUT_MS: '500' }],
  ];
  for (const [at, [kind, env]] of broken.entries()) {
    const process = await TestProcess.create({
      kind,
      name: `broken-${at}`,
      env: { ...service.namespace.env, MDS_AUTH: 'on', MDS_AUTH_SECRET: HMAC_KEY, MDS_LOG_LEVEL: 'trace', ...env },
      directory: service.directory,
    });
    t.teardown(() => process.dispose());
    await process.start({ ready: false });
    const patientUntilMs = performance.now() + PATIENCE_MS;
    await until('its end', 30_000, () => !process.isRunning || performance.now() > patientUntilMs);
    t.pass(`${kind} with ${Object.keys(env)[0]}`);
    await process.dispose();
  }
});

t.test('none of them is in any log, metric, setting, audit entry or answer', async (t) => {
  for (const path of SHOWN)
    t.ok((await keep(guarded.url, 'GET', path, { credential: guarded.operatorKey })) < 500, path);
  for (const { httpUrl, name } of [service.controlPlane, ingest, query, edge, service.worker(0)]) {
    t.equal(await keep(httpUrl, 'GET', '/metrics'), 200, name);
    await keep(httpUrl, 'GET', '/readyz');
  }
  const logs = readdirSync(join(service.directory, 'logs'));
  t.ok(logs.length >= 11, `${logs.length} logs, ${said.length} answers, ${planted.size} forms of secrets`);
  for (const log of logs) {
    const found = planted.foundIn(readFileSync(join(service.directory, 'logs', log), 'utf8'));
    t.same(found, [], log);
  }
  for (const [table, rows] of await everyRow(service.namespace.env.MDS_POSTGRES_URL ?? '')) {
    const found = rows.flatMap((row) => planted.foundIn(row));
    t.same([...new Set(found)], [], `${rows.length} rows of ${table}`);
  }
  t.same([...new Set(said.flatMap((one) => planted.foundIn(one)))], [], 'answers');
});
