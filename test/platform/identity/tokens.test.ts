// Which tokens are taken: everything that makes one invalid, one at a time, and the known ways to make a verifier believe
// another signature than its issuer's.

import { createHmac } from 'node:crypto';
import t from 'tap';
import { IdentityDirectory } from '../../../platform/identity/identity-directory.ts';
import { type Outcome, RedisAuthenticator } from '../../../platform/identity/redis-authenticator.ts';
import type { DirectoryIssuer } from '../../../schemas/identity/directory.ts';
import { AUDIENCE, AUTH_SECRET, ISSUER, PlayedDirectory, Signer } from './played-directory.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const NOW = NOW_MS / 1000;

const signer = await Signer.create('one');
const rsa = await Signer.create('rsa', 'RS256');
const stranger = await Signer.create('one');

function stage(issuer: Partial<DirectoryIssuer> = {}) {
  const played = new PlayedDirectory();
  played.tenant({ id: 'beta' });
  played.issuer({ keys: signer.keys, ...issuer });
  const directory = new IdentityDirectory();
  directory.update(played.fields);
  const outcomes: Outcome[] = [];
  const authenticator = new RedisAuthenticator({
    directory,
    authSecret: Buffer.from(AUTH_SECRET, 'hex'),
    nowMs: () => NOW_MS,
    onOutcome: (outcome) => outcomes.push(outcome),
    onKeyUsed: () => {},
  });
  const outcomeOf = async (token: string): Promise<Outcome | undefined> => {
    await authenticator.authenticate(token).catch(() => undefined);
    return outcomes.at(-1);
  };
  return { authenticator, outcomeOf };
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const CLAIMS = { iss: ISSUER, aud: AUDIENCE, sub: 'ana', iat: NOW, exp: NOW + 60 };

t.test('a good token becomes an identity of the fixed tenant, with its claims', async (t) => {
  const { authenticator } = stage();
  const identity = await authenticator.authenticate(await signer.sign({ team: 'sre' }, NOW_MS));
  t.match(identity, {
    tenant: 'acme',
    subject: `token:${ISSUER}#ana`,
    kind: 'token',
    roles: [],
    claims: { team: 'sre' },
  });
  t.equal(identity.expiresAtMs, NOW_MS + 3_600_000);
});

t.test('each thing that is wrong with a token keeps it out', async (t) => {
  const { outcomeOf } = stage();
  const cases: readonly (readonly [what: string, token: string, reason: Outcome])[] = [
    ['another issuer', await signer.sign({ iss: 'https://evil.example' }, NOW_MS), 'issuer_unknown'],
    ['no issuer', await signer.sign({ iss: undefined }, NOW_MS), 'issuer_unknown'],
    ['another audience', await signer.sign({ aud: 'other' }, NOW_MS), 'audience'],
    ['no audience', await signer.sign({ aud: undefined }, NOW_MS), 'audience'],
    ['expired', await signer.sign({ exp: NOW }, NOW_MS), 'expired'],
    ['no expiry', await signer.sign({ exp: undefined }, NOW_MS), 'claims'],
    ['not yet valid', await signer.sign({ nbf: NOW + 60 }, NOW_MS), 'not_yet_valid'],
    ['issued in the future', await signer.sign({ iat: NOW + 60 }, NOW_MS), 'not_yet_valid'],
    ['no time of issue', await signer.sign({ iat: undefined }, NOW_MS), 'claims'],
    ['issued too long ago', await signer.sign({ iat: NOW - 90_000 }, NOW_MS), 'too_old'],
    ['no subject', await signer.sign({ sub: undefined }, NOW_MS), 'claims'],
    ['an empty subject', await signer.sign({ sub: '' }, NOW_MS), 'claims'],
    ['another key under the same id', await stranger.sign({}, NOW_MS), 'signature'],
    ['an unknown key id', await signer.sign({}, NOW_MS, { kid: 'two' }), 'signing_key_unknown'],
    ['an algorithm that is not allowed', await rsa.sign({}, NOW_MS), 'algorithm'],
    ['two parts', (await signer.sign({}, NOW_MS)).split('.').slice(0, 2).join('.'), 'malformed'],
  ];
  for (const [what, token, reason] of cases) t.equal(await outcomeOf(token), reason, what);
});

t.test('clock skew is allowed for what lies ahead, not behind the expiry', async (t) => {
  const { outcomeOf } = stage();
  t.equal(await outcomeOf(await signer.sign({ nbf: NOW + 4, iat: NOW + 4 }, NOW_MS)), 'token');
  t.equal(await outcomeOf(await signer.sign({ exp: NOW - 1 }, NOW_MS)), 'expired');
});

t.test('unsigned tokens are refused, however `none` is written', async (t) => {
  const { outcomeOf } = stage();
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
    t.not(await outcomeOf(`${part({ alg, kid: 'one' })}.${part(CLAIMS)}.`), 'token', alg);
  }
});

t.test('a public key is never the secret of an HMAC', async (t) => {
  for (const algorithms of [['ES256'], ['RS256', 'ES256']] as const) {
    const { outcomeOf } = stage({ keys: { jwks: { keys: [signer.jwk, rsa.jwk] } }, algorithms: [...algorithms] });
    for (const jwk of [signer.jwk, rsa.jwk]) {
      for (const secret of [
        JSON.stringify(jwk),
        String(jwk.x ?? jwk.n),
        Buffer.from(String(jwk.x ?? jwk.n), 'base64url'),
      ]) {
        const signed = `${part({ alg: 'HS256', kid: jwk.kid })}.${part(CLAIMS)}`;
        const signature = createHmac('sha256', secret).update(signed).digest('base64url');
        t.equal(await outcomeOf(`${signed}.${signature}`), 'algorithm');
      }
    }
  }
});

t.test('keys and key sets that a token brings along are not used', async (t) => {
  const { outcomeOf } = stage();
  const headers = [{ jwk: stranger.jwk }, { jku: 'https://evil.example/jwks' }, { x5u: 'https://evil.example/x' }];
  for (const header of headers) t.equal(await outcomeOf(await stranger.sign({}, NOW_MS, header)), 'signature');
  const [, payload, signature] = (await signer.sign({}, NOW_MS)).split('.');
  const critical = part({ alg: 'ES256', kid: 'one', crit: ['mds'], mds: 1 });
  t.not(await outcomeOf(`${critical}.${payload}.${signature}`), 'token', 'a critical header that is not known');
});

t.test('a signature of zeros and a changed payload are refused', async (t) => {
  const { outcomeOf } = stage();
  const [header, , signature] = (await signer.sign({}, NOW_MS)).split('.');
  t.equal(await outcomeOf(`${header}.${part(CLAIMS)}.${Buffer.alloc(64).toString('base64url')}`), 'signature');
  t.equal(await outcomeOf(`${header}.${part({ ...CLAIMS, sub: 'root' })}.${signature}`), 'signature');
});

t.test('without a key id, every key that fits is tried', async (t) => {
  const other = await Signer.create('two');
  const { kid: _a, ...first } = other.jwk;
  const { kid: _b, ...second } = signer.jwk;
  const { outcomeOf } = stage({ keys: { jwks: { keys: [first, second] } } });
  t.equal(await outcomeOf(await signer.sign({}, NOW_MS, { kid: undefined })), 'token');
  t.equal(await outcomeOf(await stranger.sign({}, NOW_MS, { kid: undefined })), 'signature');
});

t.test('the tenant comes from a claim only where the issuer may name it', async (t) => {
  const { authenticator, outcomeOf } = stage({ tenant: { claim: 'org', allowed: ['acme', 'beta'] } });
  t.equal((await authenticator.authenticate(await signer.sign({ org: 'beta' }, NOW_MS))).tenant, 'beta');
  for (const org of ['gamma', undefined, ['beta'], { toString: 'beta' }, 'BETA']) {
    t.equal(await outcomeOf(await signer.sign({ org }, NOW_MS)), 'tenant', JSON.stringify(org));
  }
});

t.test('grants come with the token only where the issuer says in which claim', async (t) => {
  const carried = [{ actions: ['publish'], topics: ['x'] }];
  const token = await signer.sign({ mds_grants: carried }, NOW_MS);
  t.equal((await stage().authenticator.authenticate(token)).grants.length, 1);
  const { authenticator, outcomeOf } = stage({ grantsClaim: 'mds_grants', grants: [] });
  t.same((await authenticator.authenticate(token)).grants, carried);
  for (const bad of [
    'x',
    [{ actions: ['all'], topics: ['x'] }],
    [{ actions: ['publish'], topics: ['*x'] }],
    [{ topics: ['x'] }],
    {},
  ]) {
    t.equal(await outcomeOf(await signer.sign({ mds_grants: bad }, NOW_MS)), 'grants', JSON.stringify(bad));
  }
});

t.test('all tokens of a subject up to a time are revoked, later ones are not', async (t) => {
  const played = new PlayedDirectory();
  played.issuer({ keys: signer.keys });
  played.revocation({ subject: 'ana', issuedBeforeMs: NOW_MS });
  const directory = new IdentityDirectory();
  directory.update(played.fields);
  const facts = { issuer: ISSUER, subject: 'ana', jti: null };
  t.ok(directory.isRevoked({ ...facts, issuedAtMs: NOW_MS - 1000 }));
  t.notOk(directory.isRevoked({ ...facts, issuedAtMs: NOW_MS }));
  t.notOk(directory.isRevoked({ ...facts, issuer: 'other', issuedAtMs: 0 }));
  t.notOk(directory.isRevoked({ ...facts, subject: 'bob', issuedAtMs: 0 }));
});
