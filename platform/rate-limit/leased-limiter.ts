// One budget, counted in Redis for all processes together, at a fraction of a round trip for each request: a process takes
// points in blocks and spends them itself.
//
//   take ─▶ a point of the block is left ─▶ allowed, no I/O
//        ─▶ the window is known to be spent ─▶ refused, no I/O: a flood costs Redis nothing
//        ─▶ else ask Redis for the next block; whoever comes meanwhile waits for the same answer
//
// While Redis is away each process counts by itself (rate-limiter-flexible's insurance limiter).

import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { Redis } from '../redis.ts';
import type { Budget, Taken } from './budget.ts';

/** A block is this share of a budget: 50 round trips a window at most, and so much may be left unused in a process. */
const BLOCKS_IN_BUDGET = 50;
/** Keys that are remembered; beyond it the one that was used least recently is asked for again. */
const MAX_LEASES = 20_000;
/** A caller that finds the block empty so often goes through: better than a request that hangs. */
const MAX_TRIES = 5;

interface Lease {
  points: number;
  /** Left in Redis when the block was taken. */
  behind: number;
  untilMs: number;
  waiting: number;
  asking: Promise<void> | null;
}

export interface LeasedLimiterOptions {
  readonly budget: Budget;
  /** Null: this process counts alone. */
  readonly redis: Redis | null;
  readonly redisPrefix: string;
  /** ms, never going back. */
  readonly now: () => number;
}

export class LeasedLimiter {
  readonly budget: Budget;
  readonly #store: RateLimiterAbstract;
  readonly #now: () => number;
  readonly #block: number;
  /** In the order of last use. */
  readonly #leases = new Map<string, Lease>();

  constructor({ budget, redis, redisPrefix, now }: LeasedLimiterOptions) {
    this.budget = budget;
    this.#now = now;
    this.#block = Math.max(1, Math.floor(budget.limit / BLOCKS_IN_BUDGET));
    const counted = { points: budget.limit, duration: budget.windowSeconds };
    const alone = new RateLimiterMemory(counted);
    this.#store =
      redis === null
        ? alone
        : new RateLimiterRedis({
            ...counted,
            storeClient: redis,
            keyPrefix: `${redisPrefix}:limit:${budget.name}`,
            rejectIfRedisNotReady: true,
            insuranceLimiter: alone,
          });
  }

  /** Takes one. @returns at once when nothing has to be asked */
  take(key: string): Taken | Promise<Taken> {
    const lease = this.#lease(key);
    return this.#spend(lease) ?? this.#askAndTake(key, lease);
  }

  /** Whether the window is known to be spent; asks nobody and takes nothing. */
  spent(key: string): Taken | null {
    const lease = this.#leases.get(key);
    if (lease === undefined || this.#now() >= lease.untilMs || lease.points > 0 || lease.behind > 0) return null;
    return this.#taken(lease, false);
  }

  /** Without I/O; null: Redis must be asked. */
  #spend(lease: Lease): Taken | null {
    if (this.#now() >= lease.untilMs) return null;
    if (lease.points > 0) {
      lease.points--;
      return this.#taken(lease, true);
    }
    return lease.behind > 0 ? null : this.#taken(lease, false);
  }

  async #askAndTake(key: string, lease: Lease): Promise<Taken> {
    lease.waiting++;
    try {
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        lease.asking ??= this.#ask(key, lease).finally(() => {
          lease.asking = null;
        });
        await lease.asking;
        const taken = this.#spend(lease);
        if (taken !== null) return taken;
      }
    } finally {
      lease.waiting--;
    }
    return this.#taken(lease, true);
  }

  async #ask(key: string, lease: Lease): Promise<void> {
    const { limit } = this.budget;
    const wanted = Math.min(limit, Math.max(this.#block, lease.waiting));
    const answer = await consumed(this.#store, key, wanted);
    // What goes beyond the limit was not given out; what was left below it is given out for the last time.
    lease.points = Math.max(0, Math.min(wanted, limit - (answer.consumedPoints - wanted)));
    lease.behind = Math.max(0, limit - answer.consumedPoints);
    lease.untilMs = this.#now() + Math.max(1, answer.msBeforeNext);
  }

  #taken({ points, behind, untilMs }: Lease, isAllowed: boolean): Taken {
    const resetMs = Math.max(0, untilMs - this.#now());
    return { isAllowed, budget: this.budget, remaining: points + behind, resetMs };
  }

  #lease(key: string): Lease {
    let lease = this.#leases.get(key);
    if (lease === undefined) {
      if (this.#leases.size >= MAX_LEASES) this.#forgetOldest();
      lease = { points: 0, behind: 0, untilMs: Number.NEGATIVE_INFINITY, waiting: 0, asking: null };
    } else {
      this.#leases.delete(key);
    }
    this.#leases.set(key, lease);
    return lease;
  }

  #forgetOldest(): void {
    const [oldest] = this.#leases.keys();
    if (oldest !== undefined) this.#leases.delete(oldest);
  }
}

/** @throws what is neither an answer nor a refusal; with an insurance limiter nothing is */
async function consumed(store: RateLimiterAbstract, key: string, points: number): Promise<RateLimiterRes> {
  try {
    return await store.consume(key, points);
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return refusal;
    throw refusal;
  }
}
