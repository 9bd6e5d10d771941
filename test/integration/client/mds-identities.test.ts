// The commands about identities as a person or a script uses them: real processes against a stand-in for the service.

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Finished, runMds } from '../../client/command/run-mds.ts';
import { KNOWN_KEY, POWERLESS_KEY, startIdentityService } from '../../client/identity-service.ts';

t.setTimeout(120_000);

const service = await startIdentityService();
const dir = await mkdtemp(join(tmpdir(), 'mds-identities-'));
const env = { MDS_API_URL: service.api, XDG_CONFIG_HOME: join(dir, 'config'), MDS_HOME: join(dir, 'mds') };
t.teardown(async () => {
  await service.close();
  await rm(dir, { recursive: true, force: true });
});

/** As who has the operator's key. */
const mds = (...args: string[]): Promise<Finished> => runMds(args, { ...env, MDS_API_KEY: KNOWN_KEY });
const last = () => service.asked.at(-1);

async function sends(t: Test, args: readonly string[], line: string, body: unknown, says: RegExp): Promise<void> {
  const finished = await mds(...args);
  t.match(finished, { code: 0, stdout: says }, args.join(' '));
  t.same(last(), { line, body }, args.join(' '));
}

t.test('a key is taken from stdin, tried, kept for its owner only, used, and forgotten', async (t) => {
  const file = join(env.XDG_CONFIG_HOME, 'mds', 'credentials.json');
  const refused = await runMds(['login'], env, 'mds_3fK9aQ0LmZ7b_wrong\n');
  t.match(refused, { code: 1, stderr: /MDS_UNAUTHENTICATED\]\n$/ });
  t.throws(() => statSync(file), 'what was refused is not kept');
  const empty = await runMds(['login'], env, '\n');
  t.match(empty, { code: 1, stderr: /no key was given/ });

  const login = await runMds(['login'], env, `${KNOWN_KEY}\n`);
  t.match(login, {
    code: 0,
    stdout: /^key:3fK9aQ0LmZ7b of tenant acme\nroles: admin\ngrants:\n {2}subscribe on host\.\*/,
  });
  t.match(login.stdout, `kept in ${file}`);
  t.notMatch(login.stdout + login.stderr, KNOWN_KEY, 'it is not shown again');
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.same(JSON.parse(readFileSync(file, 'utf8')), { [service.api]: KNOWN_KEY });
  t.match(await runMds(['whoami'], env), { code: 0, stdout: `expires 2026-05-01T12:00:00Z\nby ${file}` });
  t.match(JSON.parse((await runMds(['whoami', '--json'], env)).stdout), { tenant: 'acme', roles: ['admin'] });

  t.match(await runMds(['logout'], env), { code: 0, stdout: `forgot the key for ${service.api}` });
  t.match(await runMds(['logout'], env), { code: 0, stdout: `no key was kept for ${service.api}` });
  t.match(await runMds(['whoami'], env), { code: 1 });
});

t.test('the variable goes before what is kept, and login says so', async (t) => {
  const both = await runMds(['login'], { ...env, MDS_API_KEY: 'mds_other' }, KNOWN_KEY);
  t.match(both, { code: 0, stderr: /MDS_API_KEY is set, and comes before/ });
  t.match(await runMds(['whoami'], { ...env, MDS_API_KEY: 'mds_other' }), { code: 1, stderr: /came from MDS_API_KEY/ });
  await runMds(['logout'], env);
});

t.test('whoever is not let in, or may not, is told what to do', async (t) => {
  const without = await runMds(['keys'], env);
  t.match(without, {
    code: 1,
    stderr: /MDS_UNAUTHENTICATED\]\n.*None was sent to http.*use `mds login`, or set MDS_API_KEY/,
  });
  const wrong = await runMds(['keys'], { ...env, MDS_API_KEY: 'mds_wrong' });
  t.match(wrong, { code: 1, stderr: /came from MDS_API_KEY; `mds login` takes another/ });
  const powerless = await runMds(['keys'], { ...env, MDS_API_KEY: POWERLESS_KEY });
  t.match(powerless, { code: 1, stderr: /MDS_FORBIDDEN\]\n.*`mds whoami` shows what/ });
  const asJson = await runMds(['keys', '--json'], env);
  t.match(JSON.parse(asJson.stderr), { error: { code: 'MDS_UNAUTHENTICATED', retryable: false } });
});

t.test('a file of keys that others can read is not used', async (t) => {
  await runMds(['login'], env, KNOWN_KEY);
  const file = join(env.XDG_CONFIG_HOME, 'mds', 'credentials.json');
  writeFileSync(file, '{}', { mode: 0o600 });
  t.match(await runMds(['whoami'], env), { code: 1 });
  await rm(file);
  writeFileSync(file, '{}', { mode: 0o644 });
  t.match(await runMds(['whoami'], env), { code: 2, stderr: /can be read by others; run chmod 600/ });
  await rm(file);
});

t.test('while authentication is off, nobody needs a key, and none is kept', async (t) => {
  service.isOn = false;
  t.teardown(() => {
    service.isOn = true;
  });
  t.match(await runMds(['whoami'], env), { code: 0, stdout: /authentication is off/ });
  t.match(await runMds(['login'], env, KNOWN_KEY), { code: 0, stdout: /nothing was kept/ });
});

t.test('keys are listed, made with grants, filter and expiry, changed, rotated and revoked', async (t) => {
  const list = await mds('keys');
  t.match(list.stdout, /^KEY +NAME +STATE +MAY +LAST USED +EXPIRES\nmds_3fK9aQ0LmZ7b +sre scre/);
  t.match(list.stdout, /mds_x .* never/);
  t.match(JSON.parse((await mds('keys', '--json')).stdout), [
    { prefix: 'mds_3fK9aQ0LmZ7b', lastUsedAt: '2026-01-31T12:34:00Z' },
    {},
  ]);
  t.match((await mds('keys', 'show', 'mds_3fK9aQ0LmZ7b')).stdout, '"createdBy": "key:operator"');

  const filter = 'labels["team"] == "sre"';
  const grant = { actions: ['subscribe'], topics: ['host.*'], filter };
  const made = await mds(
    'keys',
    'create',
    'sre',
    '--tenant',
    'acme',
    '--grant',
    'subscribe:host.*',
    '--filter',
    filter,
    '--expires',
    '90d',
  );
  t.match(made, { code: 0, stdout: `${KNOWN_KEY}\n`, stderr: /the only time it is shown/ });
  t.same(last()?.body, { name: 'sre', tenant: 'acme', grants: [grant], expiresInSeconds: 7_776_000 });
  const claims = join(dir, 'claims.json');
  writeFileSync(claims, '{"team":"sre"}');
  await sends(
    t,
    ['keys', 'create', 'lead', '--role', 'admin', '--claims', claims],
    'POST /v1/keys',
    { name: 'lead', roles: ['admin'], claims: { team: 'sre' } },
    /^mds_/,
  );
  await sends(
    t,
    ['keys', 'change', '3fK9aQ0LmZ7b', '--expires', 'never', '--name', 'x'],
    'PATCH /v1/keys/3fK9aQ0LmZ7b',
    { name: 'x', expiresInSeconds: null },
    /^changed mds_3fK9aQ0LmZ7b/,
  );
  const rotated = await mds('keys', 'rotate', 'mds_3fK9aQ0LmZ7b', '--overlap', '1h');
  t.match(rotated, { code: 0, stdout: `${KNOWN_KEY}\n`, stderr: 'the old one is valid until 2026-02-01T12:00:00Z' });
  t.same(last(), { line: 'POST /v1/keys/3fK9aQ0LmZ7b/rotate', body: { overlapSeconds: 3600 } });
  await sends(
    t,
    ['keys', 'revoke', '3fK9aQ0LmZ7b', '--tenant', 'acme', '--yes'],
    'DELETE /v1/keys/3fK9aQ0LmZ7b?tenant=acme',
    undefined,
    /^revoked/,
  );
});

t.test('tenants are listed, made with quotas, changed, suspended, let in again and deleted', async (t) => {
  t.match((await mds('tenants')).stdout, /^TENANT .*\nacme +active +- +50000 /);
  t.match((await mds('tenants', 'show', 'acme')).stdout, /^acme: active\n.*\n {2}deliveriesPerSecond: 50000\n/);
  await sends(
    t,
    ['tenants', 'create', 'acme', '--topics', '20', '--deliveries', '50000'],
    'POST /v1/tenants',
    { id: 'acme', quotas: { topics: 20, deliveriesPerSecond: 50_000 } },
    /mds keys create <name> --tenant acme --role admin/,
  );
  await sends(
    t,
    ['tenants', 'change', 'acme', '--connections', 'none'],
    'PATCH /v1/tenants/acme',
    { quotas: { connections: null } },
    /^acme/,
  );
  await sends(t, ['tenants', 'suspend', 'acme'], 'PATCH /v1/tenants/acme', { state: 'suspended' }, /^acme is/);
  await sends(t, ['tenants', 'resume', 'acme'], 'PATCH /v1/tenants/acme', { state: 'active' }, /^acme is active/);
  await sends(t, ['tenants', 'delete', 'acme', '--yes'], 'DELETE /v1/tenants/acme', undefined, /^deleted acme/);
});

t.test('issuers are listed, added, changed and deleted; tokens are revoked', async (t) => {
  const issuer = 'https://login.example.com/';
  t.match((await mds('issuers')).stdout, /^ID +ISSUER .*\nissuer-1f0c .* org: acme, beta/);
  t.match((await mds('issuers', 'show', 'issuer-1f0c')).stdout, '"clockSkewSeconds": 5');
  const jwksUrl = 'https://login.example.com/keys';
  await sends(
    t,
    ['issuers', 'add', issuer, '--audience', 'mds', '--jwks-url', jwksUrl, '--tenant', 'acme', '--max-age', '12h'],
    'POST /v1/issuers',
    {
      issuer,
      audiences: ['mds'],
      keys: { jwksUrl },
      tenant: { fixed: 'acme' },
      grants: [],
      maxTokenAgeSeconds: 43_200,
    },
    /^added issuer-1f0c/,
  );
  const jwks = join(dir, 'keys.json');
  writeFileSync(jwks, '{"keys":[{"kty":"OKP"}]}');
  await sends(
    t,
    [
      'issuers',
      'add',
      issuer,
      '--audience',
      'mds',
      '--jwks',
      jwks,
      '--tenant-claim',
      'org',
      '--tenants',
      'acme,beta',
      '--grants-claim',
      'mds_grants',
      '--admin',
    ],
    'POST /v1/issuers',
    {
      issuer,
      audiences: ['mds'],
      keys: { jwks: { keys: [{ kty: 'OKP' }] } },
      tenant: { claim: 'org', allowed: ['acme', 'beta'] },
      grants: [],
      grantsClaim: 'mds_grants',
      roles: ['admin'],
    },
    /^added/,
  );
  await sends(
    t,
    ['issuers', 'change', 'issuer-1f0c', '--clock-skew', '10s', '--no-admin', '--grants-claim', 'none'],
    'PATCH /v1/issuers/issuer-1f0c',
    { clockSkewSeconds: 10, roles: [], grantsClaim: null },
    /^changed issuer-1f0c/,
  );
  await sends(
    t,
    ['issuers', 'change', 'issuer-1f0c', '--tenant', 'acme', '--grant', 'subscribe:*', '--algorithms', 'ES256,EdDSA'],
    'PATCH /v1/issuers/issuer-1f0c',
    {
      tenant: { fixed: 'acme' },
      grants: [{ actions: ['subscribe'], topics: ['*'] }],
      algorithms: ['ES256', 'EdDSA'],
    },
    /^changed/,
  );
  await sends(
    t,
    ['issuers', 'delete', 'issuer-1f0c', '--yes'],
    'DELETE /v1/issuers/issuer-1f0c',
    undefined,
    /^deleted/,
  );
  t.match((await mds('tokens')).stdout, /2026-01-31T12:00:00Z +https:\/\/login\.example\.com\/ +of ana, issued before/);
  await sends(
    t,
    ['tokens', 'revoke', '--issuer', issuer, '--jti', '6f1c9a'],
    'POST /v1/revocations',
    { issuer, jti: '6f1c9a' },
    /^revoked/,
  );
  await sends(
    t,
    ['tokens', 'revoke', '--issuer', issuer, '--subject', 'ana'],
    'POST /v1/revocations',
    { issuer, subject: 'ana' },
    /^revoked/,
  );
});

t.test('what does not go together is exit code 2, and asks nobody', async (t) => {
  const before = service.asked.length;
  const issuer = ['issuers', 'add', 'https://login.example.com/', '--audience', 'mds'];
  const cases: readonly (readonly [string[], number, RegExp])[] = [
    [['keys', 'create', 'x', '--grant', 'read:a'], 2, /actions:topics/],
    [['keys', 'create', 'x', '--filter', 'value > 1.0'], 1, /--filter belongs to --grant/],
    [['keys', 'create', 'x', '--role', 'king'], 2, /admin, operator/],
    [['keys', 'create', 'x', '--expires', 'soon'], 2, /90s, 15m/],
    [['keys', 'create', 'x', '--claims', '/nowhere'], 1, /ENOENT/],
    [['keys', 'change', 'x'], 2, /say what to change/],
    [['keys', 'revoke', 'x'], 2, /--yes/],
    [['tenants', 'change', 'x'], 2, /say what to change/],
    [['tenants', 'delete', 'x'], 2, /--yes/],
    [[...issuer, '--tenant', 'acme'], 2, /either --jwks-url or --jwks/],
    [[...issuer, '--jwks-url', 'https://a/'], 2, /either --tenant, or --tenant-claim/],
    [['issuers', 'add', 'https://a/', '--jwks-url', 'https://a/', '--tenant', 'acme'], 2, /--audience/],
    [['issuers', 'change', 'x'], 2, /say what to change/],
    [['issuers', 'change', 'x', '--tenant-claim', 'org'], 2, /either --tenant, or --tenant-claim/],
    [['issuers', 'change', 'x', '--jwks', 'a', '--jwks-url', 'https://a/'], 2, /either --jwks-url or --jwks/],
    [['tokens', 'revoke', '--issuer', 'a'], 2, /either --jti, or --subject/],
  ];
  await Promise.all(
    cases.map(async ([args, code, stderr]) => t.match(await mds(...args), { code, stderr }, args.join(' '))),
  );
  t.equal(service.asked.length, before);
});

t.test('a key for MDS_OPERATOR_KEY is made up without a service', async (t) => {
  const { stdout } = await runMds(['keys', 'generate'], { ...env, MDS_API_URL: 'http://127.0.0.1:1' });
  t.match(stdout, /^mds_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}\n$/);
});
