// Who is let in, as what, and for how long: API keys, and what identities become when the directory changes.

import t from 'tap';
import { newKeySecret } from '../../../platform/identity/api-key.ts';
import { IdentityDirectory } from '../../../platform/identity/identity-directory.ts';
import { type Outcome, RedisAuthenticator } from '../../../platform/identity/redis-authenticator.ts';
import type { DirectoryKey } from '../../../schemas/identity/directory.ts';
import { AUTH_SECRET, PlayedDirectory, Signer } from './played-directory.ts';

const START_MS = Date.UTC(2026, 0, 1);

function stage() {
  const played = new PlayedDirectory();
  const directory = new IdentityDirectory();
  const outcomes: Outcome[] = [];
  const used: string[] = [];
  const clock = { nowMs: START_MS };
  const authenticator = new RedisAuthenticator({
    directory,
    authSecret: Buffer.from(AUTH_SECRET, 'hex'),
    nowMs: () => clock.nowMs,
    onOutcome: (outcome) => outcomes.push(outcome),
    onKeyUsed: (id) => used.push(id),
  });
  return { played, directory, outcomes, used, clock, authenticator, publish: () => directory.update(played.fields) };
}

const entryOf = ({ fields }: PlayedDirectory, id: string): DirectoryKey => JSON.parse(fields[`key:${id}`] ?? '');

t.test('a key is known with its tenant, grants and claims', async (t) => {
  const { played, publish, authenticator, outcomes, used } = stage();
  const grants = [{ actions: ['publish' as const], topics: ['metrics.*'] }];
  const credential = played.key({ id: 'aaaaaaaaaaaa', grants, claims: { team: 'sre' }, roles: ['admin'] });
  publish();
  t.same(await authenticator.authenticate(credential), {
    tenant: 'acme',
    subject: 'key:aaaaaaaaaaaa',
    kind: 'key',
    roles: ['admin'],
    grants,
    claims: { team: 'sre' },
    expiresAtMs: null,
  });
  t.same(outcomes, ['key']);
  t.same(used, ['aaaaaaaaaaaa']);
});

t.test('every refusal looks the same from outside, and has its reason in the metric', async (t) => {
  const { played, publish, authenticator, outcomes, used } = stage();
  const good = played.key({ id: 'aaaaaaaaaaaa' });
  const expired = played.key({ expiresAtMs: START_MS });
  played.tenant({ id: 'gone', state: 'suspended' });
  const suspended = played.key({ tenant: 'gone' });
  const homeless = played.key({ tenant: 'nobody' });
  publish();
  const other = new PlayedDirectory();
  const cases: readonly (readonly [credential: string | null, reason: Outcome])[] = [
    [null, 'missing'],
    ['', 'missing'],
    ['mds_short', 'malformed'],
    ['no token', 'malformed'],
    ['x'.repeat(9000), 'malformed'],
    [other.key(), 'key_unknown'],
    [other.key({ id: 'aaaaaaaaaaaa' }), 'key_secret'],
    [expired, 'key_expired'],
    [suspended, 'tenant_suspended'],
    [homeless, 'tenant'],
  ];
  for (const [credential, reason] of cases) {
    const error = await authenticator.authenticate(credential).catch((thrown: unknown) => thrown);
    t.match(error, { code: 'MDS_UNAUTHENTICATED' }, reason);
    t.same(JSON.parse(JSON.stringify(error)).details, {});
  }
  t.same(
    outcomes,
    cases.map(([, reason]) => reason),
  );
  t.same(used, [], 'a key that is refused is not used');
  t.ok(await authenticator.authenticate(good));
});

t.test('until the directory is there nobody is sent away for good', async (t) => {
  const { played, authenticator, directory, outcomes } = stage();
  const credential = played.key();
  await t.rejects(authenticator.authenticate(credential), { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
  const { '#revision': _, ...partial } = played.fields;
  t.notOk(directory.update(partial), 'a hash that is being filled is not taken');
  await t.rejects(authenticator.authenticate(credential), { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
  t.same(outcomes, ['unavailable', 'unavailable']);
});

t.test('a corrupt directory leaves the last good copy', async (t) => {
  const { played, publish, authenticator, directory } = stage();
  const credential = played.key();
  publish();
  t.throws(() => directory.update({ ...played.fields, 'key:x': '{"id":1}', '#revision': 'x' }), {
    code: 'MDS_COORDINATION_CORRUPT',
  });
  t.ok(await authenticator.authenticate(credential));
});

t.test('an identity stays the same object while nothing about it changes', async (t) => {
  const { played, publish, authenticator } = stage();
  const credential = played.key();
  publish();
  const identity = await authenticator.authenticate(credential);
  played.key();
  played.tenant({ id: 'beta' });
  publish();
  t.equal(authenticator.current(identity), identity);
  t.equal(await authenticator.authenticate(credential), identity);
});

t.test('changed grants give another identity, a key that is gone gives none', async (t) => {
  const { played, publish, authenticator } = stage();
  const secret = newKeySecret();
  const credential = played.key({ id: 'aaaaaaaaaaaa' }, secret);
  publish();
  const identity = await authenticator.authenticate(credential);
  const grants = [{ actions: ['publish' as const], topics: ['a'] }];
  played.key({ id: 'aaaaaaaaaaaa', grants }, secret);
  publish();
  const changed = authenticator.current(identity);
  t.match(changed, { grants });
  t.equal(changed && authenticator.current(changed), changed);
  played.remove('key:aaaaaaaaaaaa');
  publish();
  t.equal(authenticator.current(identity), null);
  t.equal(changed && authenticator.current(changed), null);
});

t.test('an identity ends with its expiry and while its tenant is suspended', async (t) => {
  const { played, publish, authenticator, clock } = stage();
  const short = played.key({ expiresAtMs: START_MS + 1000 });
  const long = played.key();
  publish();
  const [a, b] = [await authenticator.authenticate(short), await authenticator.authenticate(long)];
  clock.nowMs += 999;
  t.equal(authenticator.current(a), a);
  clock.nowMs += 1;
  t.equal(authenticator.current(a), null);
  t.equal(authenticator.current(b), b);
  played.tenant({ id: 'acme', state: 'suspended' });
  publish();
  t.equal(authenticator.current(b), null);
  played.tenant({ id: 'acme' });
  publish();
  t.equal(authenticator.current(b), b);
});

t.test('after a rotation both secrets are valid, the old one until the overlap ends', async (t) => {
  const { played, publish, authenticator, clock } = stage();
  const old = played.key({ id: 'aaaaaaaaaaaa' });
  publish();
  const before = await authenticator.authenticate(old);
  const { hash } = entryOf(played, 'aaaaaaaaaaaa');
  const untilMs = START_MS + 60_000;
  const fresh = played.key({ id: 'aaaaaaaaaaaa', previous: { hash, untilMs } });
  publish();
  const withOld = await authenticator.authenticate(old);
  const withNew = await authenticator.authenticate(fresh);
  t.equal(withOld.expiresAtMs, untilMs);
  t.equal(withNew.expiresAtMs, null);
  t.equal(authenticator.current(before), withOld, 'who came with the old secret is known to end');
  clock.nowMs = untilMs;
  await t.rejects(authenticator.authenticate(old), { code: 'MDS_UNAUTHENTICATED' });
  t.equal(authenticator.current(before), null);
  t.equal(await authenticator.authenticate(fresh), withNew);
});

t.test('identities that it did not make are none', async (t) => {
  const { played, publish, authenticator } = stage();
  const credential = played.key();
  publish();
  const identity = await authenticator.authenticate(credential);
  t.equal(authenticator.current({ ...identity }), null);
});

t.test('quotas are those of the tenant', async (t) => {
  const { played, publish, authenticator } = stage();
  const { quotas } = JSON.parse(played.fields['tenant:acme'] ?? '');
  played.tenant({ id: 'acme', quotas: { ...quotas, connections: 3 } });
  publish();
  t.equal(authenticator.quotasOf('acme').connections, 3);
  t.equal(authenticator.quotasOf('unknown').connections, null);
});

t.test(
  'a token is remembered, and still cut when it is revoked, when it expires and when its issuer goes',
  async (t) => {
    const { played, publish, authenticator, clock } = stage();
    const signer = await Signer.create();
    played.issuer({ keys: signer.keys });
    publish();
    const tokens = await Promise.all(['a', 'b', 'c'].map((jti) => signer.sign({ jti, sub: jti }, START_MS)));
    const [a, b, c] = await Promise.all(tokens.map((token) => authenticator.authenticate(token)));
    if (!a || !b || !c) throw new Error('three were signed');
    t.equal(await authenticator.authenticate(tokens[0] ?? ''), a, 'the same object for the same token');
    played.revocation({ jti: 'a' });
    publish();
    t.equal(authenticator.current(a), null);
    await t.rejects(authenticator.authenticate(tokens[0] ?? ''), { code: 'MDS_UNAUTHENTICATED' });
    t.equal(authenticator.current(b), b);
    played.revocation({ subject: 'b', issuedBeforeMs: START_MS + 1 });
    publish();
    t.equal(authenticator.current(b), null);
    t.equal(authenticator.current(c), c);
    clock.nowMs += 3_600_000;
    t.equal(authenticator.current(c), null);
    clock.nowMs = START_MS;
    played.remove('issuer:issuer-1');
    publish();
    t.equal(authenticator.current(c), null);
  },
);

t.test(
  'a change of an issuer reaches who is there: grants are exchanged, other demands ask for the token again',
  async (t) => {
    const { played, publish, authenticator } = stage();
    const signer = await Signer.create();
    played.issuer({ keys: signer.keys });
    publish();
    const identity = await authenticator.authenticate(await signer.sign({}, START_MS));
    played.issuer({ keys: signer.keys, grants: [] });
    publish();
    const changed = authenticator.current(identity);
    t.match(changed, { grants: [] });
    t.equal(authenticator.current(identity), changed, 'one successor, however often it is asked');
    played.issuer({ keys: signer.keys, grants: [], audiences: ['other'] });
    publish();
    t.equal(authenticator.current(identity), null);
  },
);
