// Tokens (JWT): signature, issuer, audience, times and tenant, as the issuer's entry in the directory demands. What a token
// says of itself only chooses the entry; algorithms and keys come from there.

import { decodeJwt, errors, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions, jwtVerify } from 'jose';
import { Check } from 'typebox/value';
import { MdsError } from '../../schemas/errors.ts';
import type { DirectoryIssuer } from '../../schemas/identity/directory.ts';
import { GrantList } from '../../schemas/identity/grant.ts';
import type { Grant, Identity } from '../../schemas/identity/identity.ts';
import type { IdentityDirectory, TokenFacts } from './identity-directory.ts';
import { type Refusal, Refused } from './refusal.ts';
import { SigningKeys } from './signing-keys.ts';

/** Headers of HTTP end at 16 KiB; a token with more claims belongs shortened. */
export const MAX_TOKEN_CHARACTERS = 8192;
const MAX_SUBJECT_CHARACTERS = 256;

export interface VerifiedToken {
  readonly issuer: DirectoryIssuer;
  readonly payload: JWTPayload;
  readonly facts: TokenFacts;
  readonly expiresAtMs: number;
}

export class TokenVerifier {
  readonly #directory: IdentityDirectory;
  readonly #signingKeys = new SigningKeys();
  readonly #nowMs: () => number;

  constructor(directory: IdentityDirectory, nowMs: () => number) {
    this.#directory = directory;
    this.#nowMs = nowMs;
  }

  /**
   * @throws Refused; MdsError `MDS_DEPENDENCY_UNAVAILABLE` when the issuer's keys cannot be read
   */
  async verify(token: string): Promise<VerifiedToken> {
    const issuer = this.#directory.issuer(issOf(token));
    if (issuer === undefined) throw new Refused('issuer_unknown');
    const nowMs = this.#nowMs();
    const payload = await this.#verifyWith(issuer, token, nowMs);
    const { sub, exp, iat, jti } = payload;
    if (typeof sub !== 'string' || sub === '' || sub.length > MAX_SUBJECT_CHARACTERS) throw new Refused('claims');
    if (exp === undefined || iat === undefined) throw new Refused('claims');
    const expiresAtMs = exp * 1000;
    // Clock skew is for what lies ahead. Behind its expiry no token is taken, as connections made with it are cut then.
    if (nowMs >= expiresAtMs) throw new Refused('expired');
    const facts = {
      issuer: issuer.issuer,
      subject: sub,
      jti: typeof jti === 'string' ? jti : null,
      issuedAtMs: iat * 1000,
    };
    return { issuer, payload, facts, expiresAtMs };
  }

  async #verifyWith(issuer: DirectoryIssuer, token: string, nowMs: number): Promise<JWTPayload> {
    const options: JWTVerifyOptions = {
      issuer: issuer.issuer,
      audience: issuer.audiences,
      algorithms: issuer.algorithms,
      clockTolerance: issuer.clockSkewSeconds,
      maxTokenAge: issuer.maxTokenAgeSeconds,
      requiredClaims: ['exp', 'iat', 'sub'],
      currentDate: new Date(nowMs),
    };
    try {
      return await verifyWithAny(token, this.#signingKeys.of(issuer), options);
    } catch (error) {
      throw refusalOf(error, issuer);
    }
  }
}

function issOf(token: string): string {
  try {
    const { iss } = decodeJwt(token);
    if (typeof iss === 'string') return iss;
  } catch (cause) {
    throw new Refused('malformed', { cause });
  }
  throw new Refused('issuer_unknown');
}

/** A set may hold several keys that a token without a key id could have been signed with. */
async function verifyWithAny(token: string, keys: JWTVerifyGetKey, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, keys, options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    for await (const key of error) {
      try {
        return (await jwtVerify(token, key, options)).payload;
      } catch (failed) {
        if (!(failed instanceof errors.JWSSignatureVerificationFailed)) throw failed;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

const REFUSAL_OF_CODE: Readonly<Record<string, Refusal>> = {
  ERR_JOSE_ALG_NOT_ALLOWED: 'algorithm',
  ERR_JOSE_NOT_SUPPORTED: 'algorithm',
  ERR_JWKS_NO_MATCHING_KEY: 'signing_key_unknown',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'signature',
  ERR_JWS_INVALID: 'malformed',
  ERR_JWT_INVALID: 'malformed',
};

function refusalOf(error: unknown, { issuer }: DirectoryIssuer): Error {
  if (error instanceof errors.JWTExpired)
    return new Refused(error.claim === 'iat' ? 'too_old' : 'expired', { cause: error });
  if (error instanceof errors.JWTClaimValidationFailed) {
    const isEarly = error.reason === 'check_failed' && (error.claim === 'nbf' || error.claim === 'iat');
    return new Refused(error.claim === 'aud' ? 'audience' : isEarly ? 'not_yet_valid' : 'claims', { cause: error });
  }
  const refusal = error instanceof errors.JOSEError ? REFUSAL_OF_CODE[error.code] : undefined;
  if (refusal !== undefined) return new Refused(refusal, { cause: error });
  // What is left: the set cannot be read, or is none.
  const details = { dependency: `The key set of ${issuer}`, reason: 'it cannot be read now' };
  return new MdsError('MDS_DEPENDENCY_UNAVAILABLE', details, { cause: error });
}

/**
 * @throws Refused when the token names no tenant it may, or carries grants that are none
 */
export function identityOfToken({ issuer, payload, facts, expiresAtMs }: VerifiedToken): Identity {
  return {
    tenant: tenantOf(issuer, payload),
    subject: `token:${issuer.issuer}#${facts.subject}`,
    kind: 'token',
    roles: issuer.roles,
    grants: [...issuer.grants, ...carriedGrants(issuer, payload)],
    claims: payload,
    expiresAtMs,
  };
}

function tenantOf({ tenant }: DirectoryIssuer, payload: JWTPayload): string {
  if ('fixed' in tenant) return tenant.fixed;
  const named = Object.hasOwn(payload, tenant.claim) ? payload[tenant.claim] : undefined;
  if (typeof named === 'string' && tenant.allowed.includes(named)) return named;
  throw new Refused('tenant');
}

function carriedGrants({ grantsClaim }: DirectoryIssuer, payload: JWTPayload): readonly Grant[] {
  if (grantsClaim === null || !Object.hasOwn(payload, grantsClaim)) return [];
  const carried = payload[grantsClaim];
  if (Check(GrantList, carried)) return carried;
  throw new Refused('grants');
}
