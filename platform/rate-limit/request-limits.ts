// The limits of an HTTP door: reads and writes, each by tenant, by subject (key or token) and by address, and failed
// authentications by address.

import type { Redis } from '../redis.ts';
import { addressKey, type Budget, type Taken } from './budget.ts';
import { LeasedLimiter } from './leased-limiter.ts';
import { rateLimitHeader, rateLimitPolicyHeader } from './rate-limit-headers.ts';

/** What one request is counted as. */
export type RequestKind = 'reads' | 'writes';
const HOLDERS = ['address', 'subject', 'tenant'] as const;
type Holder = (typeof HOLDERS)[number];

/** Each for one second. */
export type RequestBudgets = Readonly<Record<RequestKind, Readonly<Record<Holder, number>>>>;

/** Who is at the door; without a tenant nobody has been recognised (yet). */
export interface Caller {
  readonly address: string;
  readonly subject?: string;
  readonly tenant?: string;
}

export interface Verdict {
  /** The budget that is spent; null: go on. */
  readonly refusedBy: Taken | null;
  /** Of the budget of which the smallest share is left. */
  readonly rateLimit: string;
  readonly rateLimitPolicy: string;
}

export interface RequestLimitsOptions {
  readonly budgets: RequestBudgets;
  readonly failedAuthenticationsPerMinute: number;
  /** Null: this process counts alone. */
  readonly redis: Redis | null;
  readonly redisPrefix: string;
  readonly now?: () => number;
}

const OF: Readonly<Record<Holder, string>> = {
  address: 'from this address',
  subject: 'by this key',
  tenant: 'by this tenant',
};

export class RequestLimits {
  readonly #limiters: Readonly<Record<RequestKind, Readonly<Record<Holder, LeasedLimiter>>>>;
  readonly #failures: LeasedLimiter;

  constructor({ budgets, failedAuthenticationsPerMinute, ...options }: RequestLimitsOptions) {
    const { redis, redisPrefix, now = () => performance.now() } = options;
    const limiter = (budget: Budget) => new LeasedLimiter({ budget, redis, redisPrefix, now });
    const ofKind = (kind: RequestKind) => {
      const one = (holder: Holder) => {
        const limit = budgets[kind][holder];
        return limiter({ name: `${kind}-${holder}`, limit, windowSeconds: 1, what: `${kind} a second ${OF[holder]}` });
      };
      return { address: one('address'), subject: one('subject'), tenant: one('tenant') };
    };
    this.#limiters = { reads: ofKind('reads'), writes: ofKind('writes') };
    this.#failures = limiter({
      name: 'failed-authentications',
      limit: failedAuthenticationsPerMinute,
      windowSeconds: 60,
      what: 'failed authentications a minute from this address',
    });
  }

  /** Counts one request. What several budgets must ask Redis goes out together, in one round trip. */
  take(kind: RequestKind, caller: Caller): Verdict | Promise<Verdict> {
    const counted = this.#countedFor(kind, caller);
    for (const [limiter, key] of counted) {
      const spent = limiter.spent(key);
      if (spent !== null) return verdictOf([spent]); // nothing is taken from the others
    }
    const taken = counted.map(([limiter, key]) => limiter.take(key));
    if (taken.every(isKnown)) return verdictOf(taken);
    return Promise.all(taken).then(verdictOf);
  }

  /** Counts a credential that was not good. */
  async authenticationFailed(address: string): Promise<void> {
    await this.#failures.take(addressKey(address));
  }

  /** Whether so many credentials from there were not good that further ones are not looked at for now. */
  failuresSpent(address: string): Taken | null {
    return this.#failures.spent(addressKey(address));
  }

  #countedFor(kind: RequestKind, { address, subject, tenant }: Caller): [LeasedLimiter, string][] {
    const limiters = this.#limiters[kind];
    const counted: [LeasedLimiter, string][] = [[limiters.address, addressKey(address)]];
    if (tenant !== undefined) {
      // A subject is its tenant's: two issuers may name the same one.
      if (subject !== undefined) counted.push([limiters.subject, `${tenant}/${subject}`]);
      counted.push([limiters.tenant, tenant]);
    }
    return counted;
  }
}

const isKnown = (taken: Taken | Promise<Taken>): taken is Taken => !(taken instanceof Promise);

function verdictOf(taken: readonly Taken[]): Verdict {
  const refusedBy = taken.find(({ isAllowed }) => !isAllowed) ?? null;
  return { refusedBy, rateLimit: rateLimitHeader(taken), rateLimitPolicy: rateLimitPolicyHeader(taken) };
}
