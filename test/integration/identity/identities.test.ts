// Identities on the real stack: keys and issuers by REST into Postgres, from there to Redis, and from there to a process
// that has never talked to the control plane.

import t from 'tap';
import { Health } from '../../../platform/health.ts';
import { formatApiKey, newKeyId, newKeySecret } from '../../../platform/identity/api-key.ts';
import { createAuthenticator, type RunningAuthenticator } from '../../../platform/identity/create-authenticator.ts';
import { createLogger } from '../../../platform/log.ts';
import { createMetrics } from '../../../platform/metrics.ts';
import { identityKeys, REVISION_FIELD } from '../../../schemas/identity/directory.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import { AUDIENCE, AUTH_SECRET, ISSUER, Signer } from '../../platform/identity/played-directory.ts';
import { type ControlPlane, runControlPlane, surroundings } from '../control-plane/control-plane-in-process.ts';
import { until } from '../harness/until.ts';
import { startJwksServer } from './jwks-server.ts';

t.setTimeout(120_000);

/** The promise: revocations and changed grants are in effect everywhere within 5 s. */
const EFFECTIVE_MS = 5000;

const around = await surroundings(t);
const operatorKey = formatApiKey({ id: newKeyId(), secret: newKeySecret() });
const control = await runControlPlane(t, around, {
  MDS_AUTH: 'on',
  MDS_AUTH_SECRET: AUTH_SECRET,
  MDS_OPERATOR_KEY: operatorKey,
});
const metrics = createMetrics('elsewhere');
const elsewhere = await anAuthenticator(metrics);
const operator = callerOf(control, operatorKey);

/** What an edge or an ingest door has: no way to the control plane. */
async function anAuthenticator(own = createMetrics('other')): Promise<RunningAuthenticator> {
  const { MDS_REDIS_URL = '' } = around.namespace.env;
  const authenticator = await createAuthenticator({
    config: {
      auth: 'on',
      authSecret: AUTH_SECRET,
      redisUrl: MDS_REDIS_URL,
      redisPrefix: around.namespace.id,
      connectTimeoutMs: 5000,
    },
    log: createLogger('elsewhere', 'silent'),
    metrics: own,
    health: new Health(),
  });
  t.teardown(() => authenticator.stop());
  return authenticator;
}

function callerOf({ call }: ControlPlane, credential: string | null) {
  const headers = credential === null ? {} : { authorization: `Bearer ${credential}` };
  return (method: string, path: string, body?: unknown) => call(method, path, body, headers);
}

async function aKey(wish: Record<string, unknown> = {}) {
  const { status, body } = await operator('POST', '/v1/keys', { name: 'test', ...wish });
  t.equal(status, 201, JSON.stringify(body));
  return body as { id: string; credential: string };
}

const within5s = <T>(what: string, look: () => T | Promise<T>) => until(what, EFFECTIVE_MS, look);
const known = (credential: string): Promise<Identity> =>
  within5s('the credential to be known', () => elsewhere.authenticate(credential));
const isGone = (identity: Identity) => within5s('the identity to be cut', () => elsewhere.current(identity) === null);

t.test('nobody is let in without a credential; what is not under /v1 needs none', async (t) => {
  for (const credential of [null, 'mds_nothing', formatApiKey({ id: newKeyId(), secret: newKeySecret() })]) {
    const { status, body } = await callerOf(control, credential)('GET', '/v1/topics');
    t.equal(status, 401);
    t.match(body, { code: 'MDS_UNAUTHENTICATED' });
  }
  t.equal((await callerOf(control, null)('GET', '/healthz')).status, 200);
  t.match((await operator('GET', '/v1/whoami')).body, {
    tenant: 'default',
    kind: 'key',
    roles: ['admin', 'operator'],
    expiresAt: null,
  });
});

t.test('a key is shown once, known everywhere, and stored nowhere', async (t) => {
  const grants = [{ actions: ['subscribe'], topics: ['a*'], filter: 'labels["team"] == claims.team' }];
  const { id, credential } = await aKey({ grants, claims: { team: 'sre' } });
  t.match(await known(credential), { tenant: 'default', subject: `key:${id}`, grants, claims: { team: 'sre' } });
  t.match((await callerOf(control, credential)('GET', '/v1/whoami')).body, { grants: [{ isFiltered: true }] });
  const secret = credential.slice(credential.lastIndexOf('_') + 1);
  const shown = JSON.stringify([
    (await operator('GET', `/v1/keys/${id}`)).body,
    (await operator('GET', '/v1/keys')).body,
  ]);
  const { rows } = await around.db.query('SELECT row_to_json(api_keys) AS row FROM api_keys');
  const inRedis = await around.redis.hgetall(identityKeys(around.namespace.id).directory);
  for (const place of [shown, JSON.stringify(rows), JSON.stringify(inRedis)]) {
    t.match(place, id);
    t.notMatch(place, secret);
  }
});

t.test('a revoked key is out everywhere within 5 s, with the connections made with it', async (t) => {
  const { id, credential } = await aKey();
  const identity = await known(credential);
  t.equal((await operator('DELETE', `/v1/keys/${id}`)).status, 204);
  t.ok(await isGone(identity));
  await t.rejects(elsewhere.authenticate(credential), { code: 'MDS_UNAUTHENTICATED' });
  t.equal((await callerOf(control, credential)('GET', '/v1/whoami')).status, 401, 'here at once');
  t.match((await operator('GET', `/v1/keys/${id}`)).body, { state: 'revoked' });
  t.equal((await operator('POST', `/v1/keys/${id}/rotate`, {})).status, 404);
});

t.test('changed grants are in effect everywhere within 5 s', async (t) => {
  const { id, credential } = await aKey();
  const identity = await known(credential);
  const grants = [{ actions: ['publish'], topics: ['metrics'] }];
  t.match((await operator('PATCH', `/v1/keys/${id}`, { grants })).body, { grants });
  t.ok(await within5s('the grants to change', () => elsewhere.current(identity)?.grants[0]?.topics[0] === 'metrics'));
});

t.test('a rotated key has two secrets for the overlap, and then one', async (t) => {
  const { id, credential: old } = await aKey();
  await known(old);
  const { body } = await operator('POST', `/v1/keys/${id}/rotate`, { overlapSeconds: 2 });
  t.ok(await known(body.credential));
  t.ok(await elsewhere.authenticate(old));
  const isOut = () =>
    elsewhere.authenticate(old).then(
      () => false,
      () => true,
    );
  t.ok(await within5s('the overlap to end', isOut));
  t.ok(await elsewhere.authenticate(body.credential));
});

t.test('the last use of a key is told to Redis at once, later ones together', async (t) => {
  const { id, credential } = await aKey();
  await known(credential);
  const { used } = identityKeys(around.namespace.id);
  const other = await anAuthenticator();
  await within5s('the key to be known', () => other.authenticate(credential));
  t.ok(await within5s('the use to be told', () => around.redis.hget(used, id)));
});

t.test('an admin has the keys of the own tenant only, and hands on no more than the own role', async (t) => {
  t.equal((await operator('POST', '/v1/tenants', { id: 'acme', quotas: { topics: 3 } })).status, 201);
  const theirs = await aKey({ tenant: 'acme', roles: ['admin'] });
  const admin = callerOf(control, theirs.credential);
  const own = await admin('POST', '/v1/keys', {
    name: 'a reader',
    grants: [{ actions: ['subscribe'], topics: ['*'] }],
  });
  t.match(own, { status: 201, body: { tenant: 'acme', createdBy: `key:${theirs.id}` } });
  t.match((await admin('GET', '/v1/tenants/acme')).body, { id: 'acme', quotas: { topics: 3, connections: null } });
  const operatorsId = operatorKey.split('_')[1];
  const refused: readonly (readonly [method: string, path: string, body: unknown, status: number])[] = [
    ['POST', '/v1/keys', { name: 'x', roles: ['operator'] }, 403],
    ['POST', '/v1/keys', { name: 'x', tenant: 'default' }, 404],
    ['GET', '/v1/keys?tenant=default', undefined, 404],
    ['GET', `/v1/keys/${operatorsId}`, undefined, 404],
    ['GET', `/v1/keys/${operatorsId}?tenant=default`, undefined, 404],
    ['DELETE', `/v1/keys/${operatorsId}`, undefined, 404],
    ['PATCH', `/v1/keys/${own.body.id}`, { roles: ['operator'] }, 403],
    ['GET', '/v1/tenants/default', undefined, 404],
    ['GET', '/v1/tenants/nowhere', undefined, 404],
    ['GET', '/v1/tenants', undefined, 403],
    ['POST', '/v1/tenants', { id: 'mine' }, 403],
    ['PATCH', '/v1/tenants/acme', { quotas: { topics: null } }, 403],
    ['GET', '/v1/issuers', undefined, 403],
    ['POST', '/v1/revocations', { issuer: ISSUER, jti: 'x' }, 403],
  ];
  for (const [method, path, body, status] of refused) {
    t.equal((await admin(method, path, body)).status, status, `${method} ${path}`);
  }
  const reader = callerOf(control, own.body.credential);
  t.equal((await reader('GET', '/v1/keys')).status, 403);
  t.equal((await reader('GET', '/v1/tenants/acme')).status, 403);
});

t.test("an admin of the operators' tenant cannot take over their keys", async (t) => {
  const { credential } = await aKey({ roles: ['admin'] });
  const admin = callerOf(control, credential);
  const id = operatorKey.split('_')[1];
  t.equal((await admin('GET', `/v1/keys/${id}`)).status, 200);
  t.equal((await admin('POST', `/v1/keys/${id}/rotate`, {})).status, 403);
  t.equal((await admin('PATCH', `/v1/keys/${id}`, { name: 'mine' })).status, 403);
  t.equal((await admin('DELETE', `/v1/keys/${id}`)).status, 403);
});

t.test(
  'a suspended tenant is out until it is let in again; only an empty one is deleted, and never the own',
  async (t) => {
    t.equal((await operator('POST', '/v1/tenants', { id: 'beta' })).status, 201);
    t.match((await operator('POST', '/v1/tenants', { id: 'beta' })).body, { code: 'MDS_ALREADY_EXISTS' });
    const { id, credential } = await aKey({ tenant: 'beta' });
    const identity = await known(credential);
    await operator('PATCH', '/v1/tenants/beta', { state: 'suspended', quotas: { connections: 7 } });
    t.ok(await isGone(identity));
    t.equal(elsewhere.quotasOf('beta').connections, 7);
    t.equal((await callerOf(control, credential)('GET', '/v1/whoami')).status, 401);
    await operator('PATCH', '/v1/tenants/beta', { state: 'active' });
    t.ok(await known(credential));
    t.match((await operator('DELETE', '/v1/tenants/beta')).body, { code: 'MDS_TENANT_NOT_EMPTY' });
    await operator('DELETE', `/v1/keys/${id}?tenant=beta`);
    t.equal((await operator('DELETE', '/v1/tenants/beta')).status, 204);
    t.equal((await operator('GET', '/v1/tenants/beta')).status, 404);
    t.match((await operator('DELETE', '/v1/tenants/default')).body, { code: 'MDS_OWN_TENANT' });
    t.match((await operator('PATCH', '/v1/tenants/default', { state: 'suspended' })).body, { code: 'MDS_OWN_TENANT' });
  },
);

t.test("a grant's filter is checked when it is given, with its place", async (t) => {
  const filter = (text: string, topics = ['*']) => ({
    name: 'x',
    grants: [{ actions: ['subscribe'], topics, filter: text }],
  });
  t.match((await operator('POST', '/v1/keys', filter('a == '))).body, {
    code: 'MDS_FILTER_SYNTAX',
    grant: 0,
    at: { offset: 5 },
  });
  await operator('POST', '/v1/topics', { name: 'alerts', partitions: 1 });
  t.match((await operator('POST', '/v1/keys', filter('hots == "a"', ['alerts']))).body, {
    code: 'MDS_FILTER_UNKNOWN_FIELD',
    at: { offset: 0 },
  });
  t.match((await operator('POST', '/v1/keys', filter('labels["team"] == claims.team', ['al*']))).body, {
    code: 'MDS_FILTER_UNKNOWN_FIELD',
    field: 'claims.team',
  });
  const good = { ...filter('labels["team"] == claims.team', ['alerts']), claims: { team: 'sre' } };
  t.equal((await operator('POST', '/v1/keys', good)).status, 201);
});

t.test('tokens are taken with keys from a JWKS URL, which is asked once', async (t) => {
  const signer = await Signer.create('one');
  const jwks = await startJwksServer(t, [signer.jwk]);
  const issuer = {
    issuer: ISSUER,
    audiences: [AUDIENCE],
    keys: { jwksUrl: jwks.url },
    tenant: { claim: 'org', allowed: ['acme'] },
    grants: [{ actions: ['subscribe'], topics: ['*'], filter: 'labels["team"] == claims.team' }],
  };
  const created = await operator('POST', '/v1/issuers', issuer);
  t.match(created, { status: 201, body: { issuer: ISSUER, algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'] } });
  t.match((await operator('POST', '/v1/issuers', issuer)).body, { code: 'MDS_ALREADY_EXISTS' });
  const tokens = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      signer.sign({ org: 'acme', team: 'sre', jti: `t${i}`, sub: `user-${i}` }, Date.now()),
    ),
  );
  await known(tokens[0] ?? '');
  const identities = await Promise.all(tokens.map((token) => elsewhere.authenticate(token)));
  t.match(identities[3], { tenant: 'acme', kind: 'token', subject: `token:${ISSUER}#user-3`, claims: { team: 'sre' } });
  t.equal(jwks.asked(), 1);
  t.match((await callerOf(control, tokens[0] ?? '')('GET', '/v1/whoami')).body, { tenant: 'acme', kind: 'token' });

  t.comment('made-up key ids do not make it ask again and again');
  const stranger = await Signer.create('two');
  for (let i = 0; i < 5; i++) {
    const forged = await stranger.sign({ org: 'acme' }, Date.now(), { kid: `made-up-${i}` });
    await t.rejects(elsewhere.authenticate(forged), { code: 'MDS_UNAUTHENTICATED' });
  }
  t.equal(jwks.asked(), 2, 'one more by the control plane, none for the made-up ones');

  t.comment('revocations of one token and of a subject reach who is there');
  const [first, second] = identities;
  if (first === undefined || second === undefined) throw new Error('twenty were signed');
  t.equal((await operator('POST', '/v1/revocations', { issuer: ISSUER, jti: 't0' })).status, 201);
  t.ok(await isGone(first));
  t.equal((await operator('POST', '/v1/revocations', { issuer: ISSUER, subject: 'user-1' })).status, 201);
  t.ok(await isGone(second));
  await t.rejects(elsewhere.authenticate(tokens[1] ?? ''), { code: 'MDS_UNAUTHENTICATED' });
  t.equal((await operator('GET', '/v1/revocations')).body.items.length, 2);

  t.comment('an issuer that is gone takes its tokens with it');
  const third = identities[2];
  t.equal((await operator('DELETE', `/v1/issuers/${created.body.id}`)).status, 204);
  t.ok(third && (await isGone(third)));
});

t.test('while the keys of an issuer are away, nobody is told that the token is bad', async (t) => {
  const signer = await Signer.create('one');
  const jwks = await startJwksServer(t, [signer.jwk]);
  jwks.broken = { status: 500, body: 'no' };
  const issuer = 'https://broken.example.com';
  await operator('POST', '/v1/issuers', {
    issuer,
    audiences: [AUDIENCE],
    keys: { jwksUrl: jwks.url },
    tenant: { fixed: 'acme' },
  });
  const token = await signer.sign({ iss: issuer }, Date.now());
  const outcome = () => elsewhere.authenticate(token).catch(({ code }) => code);
  t.ok(await within5s('the issuer to be known', async () => (await outcome()) === 'MDS_DEPENDENCY_UNAVAILABLE'));
  for (const body of ['{"keys":"no"}', 'x'.repeat(2_000_000), '<html>']) {
    jwks.broken = { status: 200, body };
    t.equal(await outcome(), 'MDS_DEPENDENCY_UNAVAILABLE');
  }
  jwks.broken = null;
  t.match(await known(token), { kind: 'token' });
});

t.test('keys that cannot be used safely are refused', async (t) => {
  const signer = await Signer.create('one');
  const base = { issuer: 'https://x.example', audiences: ['a'], tenant: { fixed: 'acme' } };
  const refused = [
    { keys: { jwks: { keys: [{ kty: 'oct', k: 'c2VjcmV0' }] } } },
    { keys: { jwks: { keys: [{ ...signer.jwk, d: 'AAAA' }] } } },
    { keys: { jwks: { keys: [{ kty: 'EC', crv: 'P-256', x: 'AA' }] } } },
    { keys: { jwks: { keys: [] } } },
    { keys: { jwksUrl: 'http://example.com/jwks' } },
    { keys: { jwksUrl: 'ftp://example.com/jwks' } },
    { keys: signer.keys, algorithms: ['none'] },
    { keys: signer.keys, algorithms: ['HS256'] },
    { keys: signer.keys, algorithms: [] },
    { keys: signer.keys, audiences: [] },
    { keys: signer.keys, roles: ['operator'] },
  ];
  for (const wish of refused) {
    const { status, body } = await operator('POST', '/v1/issuers', { ...base, ...wish });
    t.equal(status, 400, JSON.stringify(wish));
    t.match(body, { code: 'MDS_REQUEST_INVALID' });
  }
});

t.test('a Redis that forgot everything is filled again, and nobody is sent away meanwhile', async (t) => {
  const { credential } = await aKey();
  const identity = await known(credential);
  const { directory } = identityKeys(around.namespace.id);
  const revision = await around.redis.hget(directory, REVISION_FIELD);
  await around.redis.del(directory);
  t.equal(await elsewhere.authenticate(credential), identity);
  const isBack = async () => (await around.redis.hget(directory, REVISION_FIELD)) === revision;
  t.ok(await within5s('the directory to be back', isBack));
  t.equal(elsewhere.current(identity), identity);
});

t.test('outcomes are counted by reason, and no credential is in the metrics', async (t) => {
  const text = await metrics.registry.metrics();
  t.match(text, /mds_elsewhere_authentications_total\{outcome="key"\} \d+/);
  t.match(text, /mds_elsewhere_authentications_total\{outcome="signing_key_unknown"\} 5/);
  t.notMatch(text, /mds_[0-9A-Za-z]{12}/);
});
