// Issuers of tokens, and tokens that were revoked. All of it is for operators: who may say who somebody is, is theirs to say.

import { randomUUID } from 'node:crypto';
import { createLocalJWKSet, importJWK, type JWK } from 'jose';
import { isLoopback } from '../../platform/auth-config.ts';
import {
  DEFAULT_CLOCK_SKEW_SECONDS,
  DEFAULT_MAX_TOKEN_AGE_SECONDS,
  DEFAULT_TOKEN_ALGORITHMS,
  type Issuer,
  type IssuerChange,
  MAX_TOKEN_AGE_SECONDS,
  type NewIssuer,
  type NewRevocation,
  type Revocation,
} from '../../schemas/api/identity.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import type { Changing } from '../audit/change.ts';
import {
  deleteIssuer,
  findIssuer,
  type IssuerRow,
  type IssuerWish,
  insertIssuer,
  saveIssuer,
} from '../store/issuers.ts';
import type { Queryable } from '../store/queryable.ts';
import { findRevocation, insertRevocation, type RevocationRow } from '../store/token-revocations.ts';
import { checkGrants } from './grant-check.ts';

/** Every process holds all of them; whoever needs more revokes by subject. */
const MAX_REVOCATIONS = 100_000;
const DAY_SECONDS = 86_400;

export interface IssuerServiceParts {
  readonly db: Queryable;
  readonly publish: () => Promise<void>;
  readonly nowMs: () => number;
}

export class IssuerService {
  readonly #parts: IssuerServiceParts;

  constructor(parts: IssuerServiceParts) {
    this.#parts = parts;
  }

  /** @throws MdsError `MDS_ALREADY_EXISTS`, `MDS_FILTER_…`, `MDS_REQUEST_INVALID` */
  async create(wish: NewIssuer, change: Changing): Promise<Issuer> {
    const row: IssuerWish = {
      issuerId: `issuer-${randomUUID()}`,
      algorithms: [...DEFAULT_TOKEN_ALGORITHMS],
      clockSkewSeconds: DEFAULT_CLOCK_SKEW_SECONDS,
      maxTokenAgeSeconds: DEFAULT_MAX_TOKEN_AGE_SECONDS,
      roles: [],
      grants: [],
      grantsClaim: null,
      ...wish,
    };
    await checkIssuer(row);
    const created = await change.commit(
      async (db) => {
        if (await insertIssuer(db, row)) return found(db, row.issuerId);
        throw new MdsError('MDS_ALREADY_EXISTS', { what: 'issuer', id: wish.issuer });
      },
      ({ issuerId, ...after }) => ({ id: issuerId, after }),
    );
    await this.#parts.publish();
    return shownIssuer(created);
  }

  async read(issuerId: string): Promise<Issuer> {
    return shownIssuer(await found(this.#parts.db, issuerId));
  }

  async change(issuerId: string, wish: IssuerChange, change: Changing): Promise<Issuer> {
    const before = await found(this.#parts.db, issuerId);
    const row = { ...before, ...wish };
    await checkIssuer(row);
    const changed = await change.commit(
      async (db) => {
        if (await saveIssuer(db, row)) return found(db, issuerId);
        throw notFound('issuer', issuerId);
      },
      (after) => ({ id: issuerId, before, after }),
    );
    await this.#parts.publish();
    return shownIssuer(changed);
  }

  async delete(issuerId: string, change: Changing): Promise<void> {
    const before = await found(this.#parts.db, issuerId);
    await change.commit(
      (db) => deleteIssuer(db, issuerId),
      (isDeleted) => (isDeleted ? { id: issuerId, before } : null),
    );
    await this.#parts.publish();
  }

  /** The issuer need not be known: its tokens may come to be. */
  async revoke(wish: NewRevocation, change: Changing): Promise<Revocation> {
    const { publish, nowMs } = this.#parts;
    const revocationId = `revocation-${randomUUID()}`;
    const keptUntil = new Date(nowMs() + (MAX_TOKEN_AGE_SECONDS + DAY_SECONDS) * 1000);
    const about =
      'jti' in wish
        ? { jti: wish.jti, subject: null, issuedBefore: null }
        : { jti: null, subject: wish.subject, issuedBefore: this.#timeOf(wish.issuedBefore) };
    const row = { revocationId, issuer: wish.issuer, ...about, keptUntil };
    const revoked = await change.commit(
      async (db) => {
        if (!(await insertRevocation(db, row, MAX_REVOCATIONS))) {
          throw new MdsError('MDS_TOO_MANY_REVOCATIONS', { limit: MAX_REVOCATIONS });
        }
        const inserted = await findRevocation(db, revocationId);
        if (inserted === null) throw notFound('revocation', revocationId);
        return shownRevocation(inserted);
      },
      (after) => ({ id: revocationId, after }),
    );
    await publish();
    return revoked;
  }

  /** `iat` counts whole seconds: a token of this very second is meant too. */
  #timeOf(text: string | undefined): Date {
    if (text === undefined) return new Date((Math.floor(this.#parts.nowMs() / 1000) + 1) * 1000);
    const time = new Date(text);
    if (Number.isFinite(time.getTime())) return time;
    throw requestInvalid(`issuedBefore: ${JSON.stringify(text)} is not a time such as 2026-01-31T12:00:00Z`);
  }
}

async function found(db: Queryable, issuerId: string): Promise<IssuerRow> {
  const row = await findIssuer(db, issuerId);
  if (row === null) throw notFound('issuer', issuerId);
  return row;
}

async function checkIssuer({ keys, grants, roles }: IssuerWish): Promise<void> {
  if (roles.includes('operator')) throw requestInvalid('roles: operators have API keys, tokens can be admins at most');
  checkGrants(grants, [], null);
  if ('jwksUrl' in keys) {
    const { protocol, hostname } = urlOf(keys.jwksUrl);
    if (protocol !== 'https:' && !isLoopback(hostname)) {
      throw requestInvalid('keys.jwksUrl: it must be https://, unless it is on this machine');
    }
    return;
  }
  try {
    createLocalJWKSet({ keys: keys.jwks.keys.map((key) => ({ ...key, kty: String(key.kty) })) });
    for (const key of keys.jwks.keys) await checkPublicKey(key);
  } catch (error) {
    throw requestInvalid(`keys.jwks: ${reasonOf(error)}`);
  }
}

/** Private members must not be stored by whoever only verifies. */
async function checkPublicKey(jwk: Readonly<Record<string, unknown>>): Promise<void> {
  if (jwk.kty === 'oct') throw new Error('a key that both sides know (kty oct) cannot be used; use public keys');
  if (['d', 'p', 'q', 'k'].some((member) => member in jwk))
    throw new Error('it holds a private key; give the public one');
  const key: JWK = { ...jwk, kty: String(jwk.kty) };
  await importJWK(key, typeof jwk.alg === 'string' ? jwk.alg : algorithmFor(key));
}

function algorithmFor({ kty, crv }: JWK): string {
  if (kty === 'RSA') return 'RS256';
  if (kty === 'OKP') return 'EdDSA';
  return crv === 'P-384' ? 'ES384' : crv === 'P-521' ? 'ES512' : 'ES256';
}

function urlOf(text: string): URL {
  if (URL.canParse(text)) return new URL(text);
  throw requestInvalid(`keys.jwksUrl: ${JSON.stringify(text)} is not a URL`);
}

export function shownIssuer({ issuerId, sequence: _, createdAt, ...row }: IssuerRow): Issuer {
  return {
    id: issuerId,
    ...row,
    audiences: [...row.audiences],
    algorithms: [...row.algorithms],
    roles: [...row.roles],
    grants: row.grants.map(({ actions, topics, ...rest }) => ({ actions: [...actions], topics: [...topics], ...rest })),
    createdAt: createdAt.toISOString(),
  };
}

export function shownRevocation({ revocationId, issuer, jti, subject, ...row }: RevocationRow): Revocation {
  return {
    id: revocationId,
    issuer,
    jti,
    subject,
    issuedBefore: row.issuedBefore?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    keptUntil: row.keptUntil.toISOString(),
  };
}

const requestInvalid = (problem: string): MdsError => new MdsError('MDS_REQUEST_INVALID', { problems: [problem] });
const notFound = (what: string, id: string): MdsError => new MdsError('MDS_NOT_FOUND', { what, id });
