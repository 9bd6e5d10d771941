// Credentials that must not open any door, each but slightly different from a good one.

import { createHmac, randomUUID } from 'node:crypto';
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import type { GuardedService } from '../harness/guarded-service.ts';

const AUDIENCE = 'mds';
const KEY_ID = '2026-01';

/** Undefined: left out. */
type Claims = { readonly [Claim in keyof JWTPayload]: JWTPayload[Claim] | undefined };

export interface Issuer {
  readonly issuer: string;
  readonly jwks: unknown;
  /** A good token, but for what is given. */
  readonly token: (claims?: Claims, header?: Readonly<Record<string, string>>) => Promise<string>;
  /** Signed by somebody else, under the name of the same key. */
  readonly forged: () => Promise<string>;
  /** HMAC with the public key for a secret, which a verifier that trusts `alg` would accept. */
  readonly confused: () => Promise<string>;
}

const nowSeconds = (): number => Math.floor(Date.now() / 1000);

export async function makeIssuer(issuer: string): Promise<Issuer> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const other = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: KEY_ID, alg: 'ES256', use: 'sig' };
  const claimsOf = (claims: Claims): JWTPayload => {
    const usual = { iss: issuer, aud: AUDIENCE, sub: 'user-7', jti: randomUUID() };
    const all = { ...usual, iat: nowSeconds(), exp: nowSeconds() + 600, ...claims };
    return JSON.parse(JSON.stringify(all));
  };
  const signed = (claims: Claims, header: Readonly<Record<string, string>>, key = privateKey): Promise<string> =>
    new SignJWT(claimsOf(claims)).setProtectedHeader({ alg: 'ES256', kid: KEY_ID, ...header }).sign(key);
  return {
    issuer,
    jwks: { keys: [jwk] },
    token: (claims = {}, header = {}) => signed(claims, header),
    forged: () => signed({}, {}, other.privateKey),
    confused: async () => handMade({ alg: 'HS256', kid: KEY_ID }, claimsOf({}), await exportSPKI(publicKey)),
  };
}

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** @param secret null: no signature at all */
function handMade(header: object, claims: JWTPayload, secret: string | null): string {
  const signedPart = `${base64url(header)}.${base64url(claims)}`;
  if (secret === null) return `${signedPart}.`;
  return `${signedPart}.${createHmac('sha256', secret).update(signedPart).digest('base64url')}`;
}

/** Tokens by what is wrong with them; revoked ones are revoked here. */
export async function badTokens(guarded: GuardedService, issuer: Issuer): Promise<Map<string, string>> {
  const now = nowSeconds();
  const plain = { iss: issuer.issuer, aud: AUDIENCE, sub: 'user-7', iat: now, exp: now + 600 };
  const good = await issuer.token();
  const [head, body, signature] = good.split('.');
  const revokedId = randomUUID();
  const revoke = (what: object) => guarded.must('POST', '/v1/revocations', { issuer: issuer.issuer, ...what });
  await revoke({ jti: revokedId });
  await revoke({ subject: 'user-8' });
  return new Map([
    ['alg none', handMade({ alg: 'none', kid: KEY_ID }, plain, null)],
    ['alg None', handMade({ alg: 'None' }, plain, null)],
    ['HMAC with the public key', await issuer.confused()],
    ['an algorithm that is not allowed', handMade({ alg: 'HS512', kid: KEY_ID }, plain, 'x')],
    ['a key of its own in the header', await issuer.token({}, { jku: 'http://127.0.0.1:1/jwks' }).then(otherSignature)],
    ['a key that nobody knows', await issuer.token({}, { kid: 'another' })],
    ['signed by somebody else', await issuer.forged()],
    ['claims changed behind the signature', [head, base64url({ ...plain, sub: 'admin' }), signature].join('.')],
    ['no signature', [head, body, ''].join('.')],
    ['expired', await issuer.token({ exp: now - 60, iat: now - 600 })],
    ['without expiry', await issuer.token({ exp: undefined, iat: now - 40 * 86_400 })],
    ['not valid yet', await issuer.token({ nbf: now + 600 })],
    ['issued in the future', await issuer.token({ iat: now + 3600, exp: now + 7200 })],
    ['of another issuer', await issuer.token({ iss: 'https://elsewhere.example.com/' })],
    ['for another audience', await issuer.token({ aud: 'another-service' })],
    ['without an audience', await issuer.token({ aud: undefined })],
    ['revoked by its id', await issuer.token({ jti: revokedId })],
    ['revoked by its subject', await issuer.token({ sub: 'user-8', iat: now - 60 })],
    ['no token', 'x'],
    ['three dots', '...'],
  ]);
}

const otherSignature = (token: string): string => `${token.slice(0, -8)}AAAAAAAA`;

/** API keys by what is wrong with them. */
export async function badKeys(guarded: GuardedService, tenant: string): Promise<Map<string, string>> {
  const admin = { tenant, roles: ['admin'] };
  const good = await guarded.newKey(admin);
  const revoked = await guarded.newKey(admin);
  await guarded.must('DELETE', `/v1/keys/${revoked.id}?tenant=${tenant}`);
  const rotated = await guarded.newKey(admin);
  await guarded.must('POST', `/v1/keys/${rotated.id}/rotate?tenant=${tenant}`, { overlapSeconds: 0 });
  const expired = await guarded.newKey({ ...admin, expiresInSeconds: 1 });
  const [, , secret = ''] = good.credential.split('_');
  return new Map([
    ['a key with another secret', `mds_${good.id}_${secret.split('').reverse().join('')}`],
    ['a key with half of its secret', good.credential.slice(0, -10)],
    ['a key that nobody has', `mds_${good.id.split('').reverse().join('')}_${secret}`],
    ['a key that was revoked', revoked.credential],
    ['a secret that was replaced', rotated.credential],
    ['a key that has expired', expired.credential],
    ['the prefix of a key', `mds_${good.id}`],
  ]);
}
