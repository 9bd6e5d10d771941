// What can be done with API keys, and by whom: an admin with those of the own tenant, an operator with all. Nobody hands on
// more than they have: keys of operators are made, changed, rotated and revoked by operators only.

import { formatApiKey, hashOfKey, newKeyId, newKeySecret, visiblePrefixOf } from '../../platform/identity/api-key.ts';
import {
  DEFAULT_OVERLAP_SECONDS,
  type Key,
  type KeyChange,
  type KeyRotation,
  type KeyWithCredential,
  type NewKey,
} from '../../schemas/api/identity.ts';
import { MdsError } from '../../schemas/errors.ts';
import { type Identity, isAdmin, isOperator, type Role } from '../../schemas/identity/identity.ts';
import type { Changing } from '../audit/change.ts';
import { changeKey, findKey, insertKey, type KeyRow, listKeys, revokeKey, rotateKey } from '../store/api-keys.ts';
import type { Queryable } from '../store/queryable.ts';
import { listTopics } from '../store/topics.ts';
import { type CheckedTopic, checkGrants } from './grant-check.ts';

/** What a key's claims may take: they travel with the directory to every process. */
const MAX_CLAIMS_CHARACTERS = 8192;
/** Filters of grants are tried on the schemas of so many topics; the rest is found out when somebody reads. */
const MAX_CHECKED_TOPICS = 500;

export interface KeyServiceParts {
  readonly db: Queryable;
  /** Null while authentication is off: keys can be managed, not made. */
  readonly authSecret: Uint8Array | null;
  /** Resolves when every process can know of a change. */
  readonly publish: () => Promise<void>;
  readonly nowMs: () => number;
}

export class KeyService {
  readonly #parts: KeyServiceParts;

  constructor(parts: KeyServiceParts) {
    this.#parts = parts;
  }

  /** @throws MdsError `MDS_FORBIDDEN`, `MDS_NOT_FOUND` (the tenant), `MDS_FILTER_…`, `MDS_REQUEST_INVALID` */
  async create(identity: Identity, wish: NewKey, change: Changing): Promise<KeyWithCredential> {
    const tenant = tenantFor(identity, wish.tenant);
    const { name, roles = [], grants = [], claims = {} } = wish;
    demandMayGive(identity, roles);
    checkSize(claims);
    checkGrants(grants, await this.#topicsOf(tenant), claims);
    const { keyId, hash, credential } = this.#newSecret(newKeyId());
    const expiresAt = this.#fromNow(wish.expiresInSeconds) ?? null;
    const row = { keyId, tenant, name, hash, roles, grants, claims, createdBy: identity.subject, expiresAt };
    const created = await change.commit(
      async (db) => {
        if (!(await insertKey(db, row))) throw new MdsError('MDS_NOT_FOUND', { what: 'tenant', id: tenant });
        return this.shown(await found(db, tenant, keyId));
      },
      (key) => ({ id: keyId, after: key }),
    );
    await this.#parts.publish();
    return { ...created, credential };
  }

  async list(identity: Identity, tenant: string | undefined, after: number, limit: number): Promise<KeyRow[]> {
    return listKeys(this.#parts.db, tenantFor(identity, tenant), after, limit);
  }

  async read(identity: Identity, tenant: string | undefined, keyId: string): Promise<Key> {
    return this.shown(await found(this.#parts.db, tenantFor(identity, tenant), keyId));
  }

  async change(
    identity: Identity,
    tenant: string | undefined,
    keyId: string,
    wish: KeyChange,
    change: Changing,
  ): Promise<Key> {
    const row = await this.#changeable(identity, tenant, keyId);
    demandMayGive(identity, wish.roles ?? []);
    const claims = wish.claims ?? row.claims;
    checkSize(claims);
    if (wish.grants !== undefined || wish.claims !== undefined) {
      checkGrants(wish.grants ?? row.grants, await this.#topicsOf(row.tenant), claims);
    }
    const { name, roles, grants } = wish;
    const expiresAt = this.#fromNow(wish.expiresInSeconds);
    return this.#changed(row, change, (db) =>
      changeKey(db, row.tenant, keyId, { name, roles, grants, claims: wish.claims, expiresAt }),
    );
  }

  /** The new secret is valid at once, the one until now for the overlap. */
  async rotate(
    identity: Identity,
    tenant: string | undefined,
    keyId: string,
    { overlapSeconds = DEFAULT_OVERLAP_SECONDS }: KeyRotation,
    change: Changing,
  ): Promise<KeyWithCredential> {
    const row = await this.#changeable(identity, tenant, keyId);
    const { hash, credential } = this.#newSecret(keyId);
    const rotated = await this.#changed(row, change, (db) => rotateKey(db, row.tenant, keyId, hash, overlapSeconds));
    return { ...rotated, credential };
  }

  async revoke(identity: Identity, tenant: string | undefined, keyId: string, change: Changing): Promise<void> {
    const row = await this.#changeable(identity, tenant, keyId);
    await this.#changed(row, change, (db) => revokeKey(db, row.tenant, keyId));
  }

  /** @param work false: the key is not there any more */
  async #changed(row: KeyRow, change: Changing, work: (db: Queryable) => Promise<boolean>): Promise<Key> {
    const { tenant, keyId } = row;
    const key = await change.commit(
      async (db) => {
        if (!(await work(db))) throw notFound(keyId);
        return this.shown(await found(db, tenant, keyId));
      },
      (after) => ({ id: keyId, before: this.shown(row), after }),
    );
    await this.#parts.publish();
    return key;
  }

  shown(row: KeyRow): Key {
    const nowMs = this.#parts.nowMs();
    const isExpired = row.expiresAt !== null && row.expiresAt.getTime() <= nowMs;
    const overlaps = row.previousUntil !== null && row.previousUntil.getTime() > nowMs;
    return {
      id: row.keyId,
      prefix: visiblePrefixOf(row.keyId),
      tenant: row.tenant,
      name: row.name,
      state: row.revokedAt !== null ? 'revoked' : isExpired ? 'expired' : 'valid',
      roles: [...row.roles],
      grants: row.grants.map(({ actions, topics, ...rest }) => ({
        actions: [...actions],
        topics: [...topics],
        ...rest,
      })),
      claims: { ...row.claims },
      createdBy: row.createdBy,
      createdAt: row.createdAt.toISOString(),
      rotatedAt: row.rotatedAt?.toISOString() ?? null,
      previousValidUntil: overlaps ? (row.previousUntil?.toISOString() ?? null) : null,
      expiresAt: row.expiresAt?.toISOString() ?? null,
      lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
    };
  }

  #topicsOf(tenant: string): Promise<readonly CheckedTopic[]> {
    return listTopics(this.#parts.db, tenant, null, '', MAX_CHECKED_TOPICS);
  }

  async #changeable(identity: Identity, tenant: string | undefined, keyId: string): Promise<KeyRow> {
    const row = await found(this.#parts.db, tenantFor(identity, tenant), keyId);
    demandMayGive(identity, row.roles);
    return row;
  }

  #newSecret(keyId: string) {
    const { authSecret } = this.#parts;
    if (authSecret === null) throw new MdsError('MDS_AUTH_IS_OFF');
    const key = { id: keyId, secret: newKeySecret() };
    return { keyId, hash: hashOfKey(authSecret, key), credential: formatApiKey(key) };
  }

  /** @returns null for null, undefined for undefined */
  #fromNow(seconds: number | null | undefined): Date | null | undefined {
    return typeof seconds === 'number' ? new Date(this.#parts.nowMs() + seconds * 1000) : seconds;
  }
}

async function found(db: Queryable, tenant: string, keyId: string): Promise<KeyRow> {
  const row = await findKey(db, tenant, keyId);
  if (row === null) throw notFound(keyId);
  return row;
}

/** @throws MdsError `MDS_FORBIDDEN`; for another's tenant `MDS_NOT_FOUND`, as for one that is not there */
export function tenantFor(identity: Identity, asked: string | undefined): string {
  if (!isAdmin(identity)) throw new MdsError('MDS_FORBIDDEN', { action: 'manage', topic: 'API keys' });
  if (asked === undefined || asked === identity.tenant) return identity.tenant;
  if (isOperator(identity)) return asked;
  throw new MdsError('MDS_NOT_FOUND', { what: 'tenant', id: asked });
}

function demandMayGive(identity: Identity, roles: readonly Role[]): void {
  if (!roles.includes('operator') || isOperator(identity)) return;
  throw new MdsError('MDS_FORBIDDEN', { action: 'manage', topic: 'API keys of operators' });
}

function checkSize(claims: Readonly<Record<string, unknown>>): void {
  const length = JSON.stringify(claims).length;
  if (length <= MAX_CLAIMS_CHARACTERS) return;
  const problem = `claims: they have ${length} characters as JSON, the limit is ${MAX_CLAIMS_CHARACTERS}`;
  throw new MdsError('MDS_REQUEST_INVALID', { problems: [problem] });
}

const notFound = (id: string): MdsError => new MdsError('MDS_NOT_FOUND', { what: 'API key', id });
