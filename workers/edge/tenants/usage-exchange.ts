// Tells the other edges once a second what this one gives each tenant, and hears what they give: quotas are for the whole
// installation. While Redis is away, what was heard last counts.
//
//   tenant-use:{tenant}   hash: edge → TenantUse with the time it was written

import { type Static, Type } from 'typebox';
import type { Logger } from '../../../platform/log.ts';
import type { Redis } from '../../../platform/redis.ts';
import { readMessage } from '../../../schemas/coordination.ts';
import { reasonOf } from '../../../schemas/errors.ts';
import { sumOf } from './quota-share.ts';
import type { TenantAccount } from './tenant-account.ts';

const Count = Type.Number({ minimum: 0 });

const WrittenUse = Type.Object({
  atMs: Type.Integer(),
  connections: Count,
  subscriptions: Count,
  filterCost: Count,
  deliveriesPerSecond: Count,
  bytesPerSecond: Count,
});
type WrittenUse = Static<typeof WrittenUse>;

export interface UsageExchangeOptions {
  readonly edgeId: string;
  readonly redis: Redis;
  readonly prefix: string;
  readonly accounts: { readonly all: Iterable<TenantAccount> };
  readonly log: Logger;
  /** By Redis' clock, ms since 1970. */
  readonly sharedNow: () => number;
}

/** Three beats: an edge that has not written for so long is gone, and its clients are with others. */
const FRESH_MS = 3000;
/** A field whose edge is gone is deleted by whoever comes across it; the hash of a tenant that nobody serves expires. */
const FORGOTTEN_MS = 60_000;

export class UsageExchange {
  readonly #options: UsageExchangeOptions;
  #isRunning = false;
  #lastProblem = '';

  constructor(options: UsageExchangeOptions) {
    this.#options = options;
  }

  /** Once a second. Never rejects. */
  async beat(): Promise<void> {
    if (this.#isRunning) return; // Redis is slow: the next beat says more
    this.#isRunning = true;
    let problem = '';
    try {
      await this.#exchange();
    } catch (error) {
      problem = reasonOf(error);
      if (problem !== this.#lastProblem) {
        this.#options.log.warn({ reason: problem }, 'what other edges give each tenant cannot be read');
      }
    }
    this.#lastProblem = problem;
    this.#isRunning = false;
  }

  async #exchange(): Promise<void> {
    const { edgeId, redis, prefix, accounts, sharedNow } = this.#options;
    const atMs = sharedNow();
    const counted = [...accounts.all].filter(({ hasQuotas }) => hasQuotas);
    await Promise.all(
      counted.map(async (account) => {
        const key = `${prefix}:tenant-use:${account.tenant}`;
        const use: WrittenUse = { atMs, ...account.use };
        await redis.hset(key, edgeId, JSON.stringify(use));
        await redis.pexpire(key, FORGOTTEN_MS);
        await this.#hear(account, key, await redis.hgetall(key), atMs);
      }),
    );
  }

  async #hear(
    account: TenantAccount,
    key: string,
    fields: Readonly<Record<string, string>>,
    nowMs: number,
  ): Promise<void> {
    const { edgeId, redis } = this.#options;
    const others: WrittenUse[] = [];
    const gone: string[] = [];
    for (const [edge, text] of Object.entries(fields)) {
      if (edge === edgeId) continue;
      const use = readMessage(WrittenUse, text);
      if (nowMs - use.atMs < FRESH_MS) others.push(use);
      else if (nowMs - use.atMs > FORGOTTEN_MS) gone.push(edge);
    }
    account.onOthers(sumOf(others));
    if (gone.length > 0) await redis.hdel(key, ...gone);
  }
}
