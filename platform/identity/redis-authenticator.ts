// The authenticator of a process: API keys and tokens against the copy of the directory, without I/O but for the key sets
// of issuers.

import { createHash } from 'node:crypto';
import { MdsError } from '../../schemas/errors.ts';
import type { DirectoryIssuer, DirectoryKey } from '../../schemas/identity/directory.ts';
import { type Identity, NO_QUOTAS, type TenantQuotas } from '../../schemas/identity/identity.ts';
import { API_KEY_PREFIX, type ApiKey, hashOfKey, isSameHash, parseApiKey } from './api-key.ts';
import type { Authenticator } from './authenticator.ts';
import type { IdentityDirectory } from './identity-directory.ts';
import { type Refusal, Refused, unauthenticated } from './refusal.ts';
import { identityOfToken, MAX_TOKEN_CHARACTERS, TokenVerifier, type VerifiedToken } from './token-verifier.ts';

/** Tokens verified lately: a client sends the same one with each request, and a signature costs 50 to 200 µs. */
const MAX_REMEMBERED_TOKENS = 10_000;

/** Where an identity came from: what to compare it with when asked whether it still is what it was. */
type Origin =
  | { readonly kind: 'key'; readonly id: string; readonly hash: string }
  | { readonly kind: 'token'; readonly token: VerifiedToken };

export type Outcome = 'key' | 'token' | 'unavailable' | Refusal;

export interface RedisAuthenticatorParts {
  readonly directory: IdentityDirectory;
  /** What `MDS_AUTH_SECRET` says, as bytes. */
  readonly authSecret: Uint8Array;
  readonly nowMs: () => number;
  readonly onOutcome: (outcome: Outcome) => void;
  readonly onKeyUsed: (keyId: string) => void;
}

export class RedisAuthenticator implements Authenticator {
  readonly isOn = true;
  readonly #parts: RedisAuthenticatorParts;
  readonly #tokens: TokenVerifier;
  readonly #origins = new WeakMap<Identity, Origin>();
  /** By the secret's hash within the entry, so that a rotated key has two. */
  readonly #keyIdentities = new WeakMap<DirectoryKey, Map<string, Identity>>();
  /** What has become of a token's identity by a change of its issuer. */
  readonly #successors = new WeakMap<Identity, { readonly issuer: DirectoryIssuer; readonly identity: Identity }>();
  readonly #remembered = new Map<string, Identity>();

  constructor(parts: RedisAuthenticatorParts) {
    this.#parts = parts;
    this.#tokens = new TokenVerifier(parts.directory, parts.nowMs);
  }

  async authenticate(credential: string | null): Promise<Identity> {
    const { onOutcome } = this.#parts;
    try {
      const identity = await this.#identify(credential);
      onOutcome(identity.kind === 'key' ? 'key' : 'token');
      return identity;
    } catch (error) {
      onOutcome(error instanceof Refused ? error.reason : 'unavailable');
      throw error instanceof Refused ? unauthenticated() : error;
    }
  }

  current(identity: Identity): Identity | null {
    const origin = this.#origins.get(identity);
    if (origin === undefined) return null;
    try {
      return origin.kind === 'key'
        ? this.#keyIdentity(origin.id, origin.hash)
        : this.#currentToken(identity, origin.token);
    } catch (error) {
      if (error instanceof Refused) return null;
      throw error;
    }
  }

  quotasOf(tenant: string): TenantQuotas {
    return this.#parts.directory.tenant(tenant)?.quotas ?? NO_QUOTAS;
  }

  #identify(credential: string | null): Identity | Promise<Identity> {
    if (credential === null || credential === '') throw new Refused('missing');
    // Nobody is sent away over a directory that was not read yet.
    if (this.#parts.directory.revision === null) {
      const details = { dependency: 'The identity directory', reason: 'Redis does not hold all of it yet' };
      throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', details);
    }
    if (credential.length > MAX_TOKEN_CHARACTERS) throw new Refused('malformed');
    if (!credential.startsWith(API_KEY_PREFIX)) return this.#identifyToken(credential);
    const key = parseApiKey(credential);
    if (key === null) throw new Refused('malformed');
    return this.#identifyKey(key);
  }

  #identifyKey(key: ApiKey): Identity {
    const { authSecret, onKeyUsed } = this.#parts;
    // Made before it is known whether there is such a key, so that the time of an answer does not tell.
    const identity = this.#keyIdentity(key.id, hashOfKey(authSecret, key));
    onKeyUsed(key.id);
    return identity;
  }

  #keyIdentity(id: string, hash: string): Identity {
    const { directory, nowMs } = this.#parts;
    const entry = directory.key(id);
    if (entry === undefined) throw new Refused('key_unknown');
    const isCurrent = isSameHash(entry.hash, hash);
    const { previous } = entry;
    if (!isCurrent && (previous === null || !isSameHash(previous.hash, hash))) throw new Refused('key_secret');
    const untilMs = isCurrent || previous === null ? null : previous.untilMs;
    const expiresAtMs = Math.min(entry.expiresAtMs ?? Number.POSITIVE_INFINITY, untilMs ?? Number.POSITIVE_INFINITY);
    if (nowMs() >= expiresAtMs) throw new Refused('key_expired');
    this.#checkTenant(entry.tenant);
    return this.#identityOfKey(entry, hash, Number.isFinite(expiresAtMs) ? expiresAtMs : null);
  }

  #identityOfKey(entry: DirectoryKey, hash: string, expiresAtMs: number | null): Identity {
    const made = this.#keyIdentities.get(entry) ?? new Map<string, Identity>();
    this.#keyIdentities.set(entry, made);
    const known = made.get(hash);
    if (known !== undefined) return known;
    const { id, tenant, roles, grants, claims } = entry;
    const identity: Identity = { tenant, subject: `key:${id}`, kind: 'key', roles, grants, claims, expiresAtMs };
    made.set(hash, identity);
    this.#origins.set(identity, { kind: 'key', id, hash });
    return identity;
  }

  async #identifyToken(text: string): Promise<Identity> {
    const digest = createHash('sha256').update(text).digest('base64');
    const remembered = this.#remembered.get(digest);
    const known = remembered === undefined ? null : this.current(remembered);
    if (known !== null) {
      this.#remember(digest, known);
      return known;
    }
    const token = await this.#tokens.verify(text);
    this.#checkToken(token);
    const identity = identityOfToken(token);
    this.#checkTenant(identity.tenant);
    this.#origins.set(identity, { kind: 'token', token });
    this.#remember(digest, identity);
    return identity;
  }

  /** The one that was used longest ago makes room. */
  #remember(digest: string, identity: Identity): void {
    this.#remembered.delete(digest);
    this.#remembered.set(digest, identity);
    if (this.#remembered.size <= MAX_REMEMBERED_TOKENS) return;
    for (const [oldest] of this.#remembered) {
      this.#remembered.delete(oldest);
      break;
    }
  }

  #currentToken(identity: Identity, token: VerifiedToken): Identity {
    this.#checkToken(token);
    this.#checkTenant(identity.tenant);
    const issuer = this.#parts.directory.issuer(token.facts.issuer);
    if (issuer === token.issuer) return identity;
    if (issuer === undefined || demandsOf(issuer) !== demandsOf(token.issuer)) throw new Refused('issuer_unknown');
    const successor = this.#successors.get(identity);
    if (successor?.issuer === issuer) return successor.identity;
    const next = { ...token, issuer };
    const changed = identityOfToken(next);
    this.#checkTenant(changed.tenant);
    const isSame = JSON.stringify(changed) === JSON.stringify(identity);
    if (!isSame) this.#origins.set(changed, { kind: 'token', token: next });
    this.#successors.set(identity, { issuer, identity: isSame ? identity : changed });
    return isSame ? identity : changed;
  }

  #checkToken({ facts, expiresAtMs }: VerifiedToken): void {
    if (this.#parts.nowMs() >= expiresAtMs) throw new Refused('expired');
    if (this.#parts.directory.isRevoked(facts)) throw new Refused('revoked');
  }

  #checkTenant(id: string): void {
    const tenant = this.#parts.directory.tenant(id);
    if (tenant === undefined) throw new Refused('tenant');
    if (tenant.state !== 'active') throw new Refused('tenant_suspended');
  }
}

/** What a token was verified with: when that changes, it must be verified again. */
const demandsOf = ({
  issuer,
  audiences,
  algorithms,
  keys,
  clockSkewSeconds,
  maxTokenAgeSeconds,
}: DirectoryIssuer): string =>
  JSON.stringify([issuer, audiences, algorithms, keys, clockSkewSeconds, maxTokenAgeSeconds]);
