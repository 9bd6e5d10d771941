// A directory as the control plane would write it, for tests: keys with their secrets, issuers that sign tokens, tenants and
// revocations. `fields` is what stands in Redis.

import { createHash, randomBytes } from 'node:crypto';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { formatApiKey, hashOfKey, newKeyId, newKeySecret } from '../../../platform/identity/api-key.ts';
import {
  type DirectoryIssuer,
  type DirectoryKey,
  type DirectoryRevocation,
  type DirectoryTenant,
  REVISION_FIELD,
} from '../../../schemas/identity/directory.ts';
import { NO_QUOTAS } from '../../../schemas/identity/identity.ts';

export const AUTH_SECRET = 'a5'.repeat(32);
export const ISSUER = 'https://login.example.com/';
export const AUDIENCE = 'mds';

export class PlayedDirectory {
  readonly #entries = new Map<string, unknown>();

  constructor() {
    this.tenant({ id: 'acme' });
  }

  get fields(): Record<string, string> {
    const entries = [...this.#entries].map(([field, entry]): [string, string] => [field, JSON.stringify(entry)]);
    const revision = createHash('sha256').update(JSON.stringify(entries)).digest('hex');
    return { ...Object.fromEntries(entries), [REVISION_FIELD]: revision };
  }

  tenant(tenant: Partial<DirectoryTenant> & { readonly id: string }): void {
    this.#entries.set(`tenant:${tenant.id}`, { state: 'active', quotas: NO_QUOTAS, ...tenant });
  }

  /** @returns the credential */
  key(key: Partial<DirectoryKey> = {}, secret: string = newKeySecret()): string {
    const id = key.id ?? newKeyId();
    const entry: DirectoryKey = {
      id,
      tenant: 'acme',
      hash: hashOfKey(Buffer.from(AUTH_SECRET, 'hex'), { id, secret }),
      previous: null,
      roles: [],
      grants: [{ actions: ['subscribe'], topics: ['*'] }],
      claims: {},
      expiresAtMs: null,
      ...key,
    };
    this.#entries.set(`key:${id}`, entry);
    return formatApiKey({ id, secret });
  }

  issuer(issuer: Partial<DirectoryIssuer> & Pick<DirectoryIssuer, 'keys'>): void {
    const entry: DirectoryIssuer = {
      id: 'issuer-1',
      issuer: ISSUER,
      audiences: [AUDIENCE],
      algorithms: ['ES256'],
      clockSkewSeconds: 5,
      maxTokenAgeSeconds: 86_400,
      tenant: { fixed: 'acme' },
      roles: [],
      grants: [{ actions: ['subscribe'], topics: ['*'] }],
      grantsClaim: null,
      ...issuer,
    };
    this.#entries.set(`issuer:${entry.id}`, entry);
  }

  revocation(revocation: Partial<DirectoryRevocation>): void {
    const id = randomBytes(6).toString('hex');
    const none = { issuer: ISSUER, jti: null, subject: null, issuedBeforeMs: null };
    this.#entries.set(`revocation:${id}`, { ...none, ...revocation });
  }

  remove(field: string): void {
    this.#entries.delete(field);
  }
}

/** Whoever makes tokens: a pair of keys, and the set with the public one. */
export class Signer {
  readonly algorithm: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;

  private constructor(algorithm: string, privateKey: CryptoKey, jwk: JWK) {
    this.algorithm = algorithm;
    this.privateKey = privateKey;
    this.jwk = jwk;
  }

  static async create(kid = 'one', algorithm = 'ES256'): Promise<Signer> {
    const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
    return new Signer(algorithm, privateKey, { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' });
  }

  get keys() {
    return { jwks: { keys: [{ ...this.jwk }] } };
  }

  /** A token of `ana`, issued at `nowMs` for an hour, unless `payload` says otherwise; undefined leaves a claim out. */
  sign(payload: Record<string, unknown>, nowMs: number, header: Record<string, unknown> = {}): Promise<string> {
    const now = Math.floor(nowMs / 1000);
    const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'ana', iat: now, exp: now + 3600, ...payload };
    return new SignJWT(claims)
      .setProtectedHeader({ alg: this.algorithm, kid: this.jwk.kid ?? 'one', ...header })
      .sign(this.privateKey);
  }
}
