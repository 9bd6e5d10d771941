// The public keys of issuers: from a set that is stored with the issuer, or from its JWKS URL, read when a token needs it,
// kept for ten minutes, and not asked for again at once when a token names a key that is not there.

import type { JSONWebKeySet } from 'jose';
import { createLocalJWKSet, createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose';
import type { DirectoryIssuer, IssuerKeys } from '../../schemas/identity/directory.ts';

/** 3 s: a request waits for it; key sets are small files on servers that answer in tens of milliseconds. */
const FETCH_TIMEOUT_MS = 3000;
/** So long a key that its issuer has withdrawn may still be accepted. */
const CACHE_MS = 600_000;
/** Tokens with made-up key ids cause at most so many requests: one in 30 s. */
const COOLDOWN_MS = 30_000;
/** After a failure, tokens are refused for this long without asking the issuer again. */
const FAILURE_COOLDOWN_MS = 2000;
/** A hundred keys with certificate chains are below it. */
const MAX_KEY_SET_BYTES = 1_048_576;

/** The issuer's keys could not be read; the token may be good. */
export class SigningKeysAway extends Error {
  override readonly name = 'SigningKeysAway';
}

export class SigningKeys {
  readonly #byIssuer = new Map<string, { readonly source: string; readonly keys: JWTVerifyGetKey }>();

  of({ id, keys }: DirectoryIssuer): JWTVerifyGetKey {
    const source = JSON.stringify(keys);
    const known = this.#byIssuer.get(id);
    if (known?.source === source) return known.keys;
    const made = 'jwks' in keys ? createLocalJWKSet(asKeySet(keys)) : remoteKeys(keys.jwksUrl);
    this.#byIssuer.set(id, { source, keys: made });
    return made;
  }

  /** Issuers that are gone are forgotten. */
  keepOnly(ids: ReadonlySet<string>): void {
    for (const id of this.#byIssuer.keys()) if (!ids.has(id)) this.#byIssuer.delete(id);
  }
}

/** What its members are is looked at by jose, key by key, when a token needs one. */
const asKeySet = ({ jwks }: Extract<IssuerKeys, { jwks: unknown }>): JSONWebKeySet => ({
  keys: jwks.keys.map((key) => ({ ...key, kty: String(key.kty) })),
});

function remoteKeys(url: string): JWTVerifyGetKey {
  let failedAtMs = Number.NEGATIVE_INFINITY;
  return createRemoteJWKSet(new URL(url), {
    timeoutDuration: FETCH_TIMEOUT_MS,
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: CACHE_MS,
    [customFetch]: async (address, options) => {
      if (performance.now() - failedAtMs < FAILURE_COOLDOWN_MS)
        throw new SigningKeysAway('they were not there just now');
      try {
        return await boundedFetch(address, options);
      } catch (cause) {
        failedAtMs = performance.now();
        throw new SigningKeysAway('they cannot be read', { cause });
      }
    },
  });
}

async function boundedFetch(address: string, options: RequestInit): Promise<Response> {
  const response = await fetch(address, { ...options, redirect: 'error' });
  if (response.status !== 200 || response.body === null) throw new Error(`it answered ${response.status}`);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body) {
    bytes += part.byteLength;
    if (bytes > MAX_KEY_SET_BYTES) throw new Error(`it is larger than ${MAX_KEY_SET_BYTES} bytes`);
    parts.push(part);
  }
  return new Response(Buffer.concat(parts), { status: 200 });
}
