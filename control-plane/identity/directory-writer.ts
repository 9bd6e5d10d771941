// Writes the identity directory from Postgres to Redis: by whoever has changed something, at once, and by the leader, who
// looks every second whether Redis still has it, and writes again what a restart has lost.

import type { Logger } from '../../platform/log.ts';
import { type Pool, withTransaction } from '../../platform/postgres.ts';
import type { Redis } from '../../platform/redis.ts';
import { reasonOf } from '../../schemas/errors.ts';
import { type IdentityKeys, REVISION_FIELD } from '../../schemas/identity/directory.ts';
import { saveLastUses, validKeys } from '../store/api-keys.ts';
import { allIssuers } from '../store/issuers.ts';
import type { Queryable } from '../store/queryable.ts';
import { allTenantRows } from '../store/tenants.ts';
import { forgetOldRevocations, keptRevocations } from '../store/token-revocations.ts';
import { directoryEntries, revisionOf } from './directory-entries.ts';

/** Arbitrary, but the same in every control plane: two that write at once could leave the older state behind. */
const WRITE_LOCK = 7_236_009;
const CHECK_INTERVAL_MS = 1000;
/** Everything is compared with Postgres this often, for the case that whoever changed something died before it wrote. */
const COMPARE_INTERVAL_MS = 2000;
const CHORES_INTERVAL_MS = 60_000;

export interface DirectoryWriterParts {
  readonly pool: Pool;
  readonly redis: Redis;
  readonly keys: IdentityKeys;
  readonly log: Logger;
  /** Monotonic, ms. */
  readonly now: () => number;
}

export class DirectoryWriter {
  readonly #parts: DirectoryWriterParts;
  #checkedMs = Number.NEGATIVE_INFINITY;
  #comparedMs = Number.NEGATIVE_INFINITY;
  #choresMs = Number.NEGATIVE_INFINITY;
  #written: string | null = null;
  #looking: Promise<void> | null = null;

  constructor(parts: DirectoryWriterParts) {
    this.#parts = parts;
  }

  /** What a change must be followed by. Never rejects: Postgres has the change, and the leader brings Redis up to it. */
  async publish(): Promise<void> {
    try {
      await this.write();
    } catch (error) {
      this.#parts.log.warn({ reason: reasonOf(error) }, 'identities could not be told at once; the leader tells them');
    }
  }

  /** For the leader, in each round; does not wait. */
  look(): void {
    const now = this.#parts.now();
    if (this.#looking !== null || now - this.#checkedMs < CHECK_INTERVAL_MS) return;
    this.#checkedMs = now;
    this.#looking = this.#lookOnce(now)
      .catch((error: unknown) => {
        this.#parts.log.warn({ reason: reasonOf(error) }, 'the identity directory could not be written; trying again');
      })
      .finally(() => {
        this.#looking = null;
      });
  }

  async stop(): Promise<void> {
    await this.#looking;
  }

  async #lookOnce(now: number): Promise<void> {
    const { redis, keys } = this.#parts;
    const present = await redis.hget(keys.directory, REVISION_FIELD);
    if (present === null || present !== this.#written || now - this.#comparedMs >= COMPARE_INTERVAL_MS) {
      await this.write();
      this.#comparedMs = now;
    }
    if (now - this.#choresMs < CHORES_INTERVAL_MS) return;
    this.#choresMs = now;
    await this.#copyUsage();
    await forgetOldRevocations(this.#parts.pool);
  }

  /** Writes what differs, and the revision with it in one step. */
  async write(): Promise<void> {
    const { pool, redis, keys } = this.#parts;
    await withTransaction(pool, async (db) => {
      await db.query('SELECT pg_advisory_xact_lock($1)', [WRITE_LOCK]);
      const wanted = await entriesIn(db);
      const revision = revisionOf(wanted);
      this.#written = revision;
      if ((await redis.hget(keys.directory, REVISION_FIELD)) === revision) return;
      const present = await redis.hgetall(keys.directory);
      const changed = [...wanted].filter(([field, text]) => present[field] !== text);
      const gone = Object.keys(present).filter((field) => field !== REVISION_FIELD && !wanted.has(field));
      const multi = redis.multi();
      multi.hset(keys.directory, { ...Object.fromEntries(changed), [REVISION_FIELD]: revision });
      if (gone.length > 0) multi.hdel(keys.directory, ...gone);
      multi.publish(keys.notify, '');
      await multi.exec();
    });
  }

  /** Uses of keys that are gone are forgotten with them. */
  async #copyUsage(): Promise<void> {
    const { pool, redis, keys } = this.#parts;
    const used = Object.entries(await redis.hgetall(keys.used));
    if (used.length === 0) return;
    await saveLastUses(pool, new Map(used.map(([id, atMs]) => [id, Number(atMs)])));
    const valid = new Set((await validKeys(pool)).map(({ keyId }) => keyId));
    const gone = used.map(([id]) => id).filter((id) => !valid.has(id));
    if (gone.length > 0) await redis.hdel(keys.used, ...gone);
  }
}

async function entriesIn(db: Queryable): Promise<Map<string, string>> {
  return directoryEntries({
    tenants: await allTenantRows(db),
    keys: await validKeys(db),
    issuers: await allIssuers(db),
    revocations: await keptRevocations(db),
  });
}
