// What the leader clears away now and then: workers and edges that are gone for long, old idempotency keys, and what of the
// audit log is kept no longer.

import type { Redis } from '../../platform/redis.ts';
import type { RedisKeys } from '../../schemas/coordination.ts';
import type { Fleet } from '../status/fleet.ts';
import { pruneAuditLog } from '../store/audit-log.ts';
import { uncordonWorkers } from '../store/cordoned-workers.ts';
import { dropOldKeys } from '../store/idempotency-keys.ts';
import type { Queryable } from '../store/queryable.ts';
import { forgetDeadWorkers, markSeen } from '../store/workers.ts';

/** Nothing of this is urgent; once a minute it costs nothing. */
const INTERVAL_MS = 60_000;
/** More than 300 actions a second would outrun it; writes are limited far below. */
const PRUNED_AT_ONCE = 20_000;

export class Housekeeping {
  readonly #db: Queryable;
  readonly #redis: Redis;
  readonly #keys: RedisKeys;
  readonly #keepAudit: { readonly days: number; readonly rows: number };
  #lastMs = 0;
  #expiredBefore: ReadonlySet<string> = new Set();

  constructor(
    db: Queryable,
    redis: Redis,
    keys: RedisKeys,
    keepAudit: { readonly days: number; readonly rows: number },
  ) {
    this.#db = db;
    this.#redis = redis;
    this.#keys = keys;
    this.#keepAudit = keepAudit;
  }

  async look(fleet: Fleet, revisions: ReadonlyMap<string, number>, now = Date.now()): Promise<void> {
    if (now - this.#lastMs < INTERVAL_MS) return;
    this.#lastMs = now;
    await markSeen(
      this.#db,
      fleet.workers.map(({ workerId }) => workerId),
    );
    await dropOldKeys(this.#db);
    await pruneAuditLog(this.#db, this.#keepAudit, PRUNED_AT_ONCE);
    const forgotten = await forgetDeadWorkers(this.#db);
    if (forgotten.length > 0) {
      await this.#redis.del(forgotten.map(this.#keys.assignment));
      await uncordonWorkers(this.#db, forgotten);
    }
    await this.#dropExpired(fleet, revisions);
  }

  /** An id goes when its heartbeat was missing in two rounds of housekeeping; a living process adds itself again. */
  async #dropExpired({ expired }: Fleet, revisions: ReadonlyMap<string, number>): Promise<void> {
    const workers = expired.workers.filter((id) => this.#expiredBefore.has(id) && !revisions.has(id));
    const edges = expired.edges.filter((id) => this.#expiredBefore.has(id));
    if (workers.length > 0) await this.#redis.srem(this.#keys.workers, workers);
    if (edges.length > 0) await this.#redis.srem(this.#keys.edges, edges);
    this.#expiredBefore = new Set([...expired.workers, ...expired.edges]);
  }
}
