// Budgets of requests: counted for each holder, in blocks, with and without Redis.

import type { Redis } from 'ioredis';
import t from 'tap';
import { addressKey, type Taken } from '../../../platform/rate-limit/budget.ts';
import { LeasedLimiter } from '../../../platform/rate-limit/leased-limiter.ts';
import {
  rateLimitHeader,
  rateLimitPolicyHeader,
  secondsLeft,
} from '../../../platform/rate-limit/rate-limit-headers.ts';
import { RequestLimits } from '../../../platform/rate-limit/request-limits.ts';

/** What the limiter's script does, counted. */
class CountingRedis {
  readonly counts = new Map<string, number>();
  status = 'ready';
  asked = 0;
  isBroken = false;

  defineCommand(): void {
    // the command is below
  }

  rlflxIncr = async ([key = '', points = '0', seconds = '0']: string[]): Promise<[number, number]> => {
    this.asked++;
    if (this.isBroken) throw new Error('away');
    const count = (this.counts.get(key) ?? 0) + Number(points);
    this.counts.set(key, count);
    return [count, Number(seconds) * 1000];
  };
}

function aLimiter(limit: number, redis = new CountingRedis()) {
  let nowMs = 0;
  const limiter = new LeasedLimiter({
    budget: { name: 'reads-tenant', limit, windowSeconds: 1, what: 'reads a second' },
    redis: redis as unknown as Redis,
    redisPrefix: 'test',
    now: () => nowMs,
  });
  return { limiter, redis, pass: (ms: number) => (nowMs += ms) };
}

const takeMany = async (limiter: LeasedLimiter, count: number): Promise<number> => {
  let allowed = 0;
  for (let i = 0; i < count; i++) if ((await limiter.take('acme')).isAllowed) allowed++;
  return allowed;
};

t.test('exactly the budget is let through, for a fiftieth of the round trips', async (t) => {
  const { limiter, redis } = aLimiter(1000);
  t.equal(await takeMany(limiter, 5000), 1000);
  t.ok(redis.asked <= 51, `Redis was asked ${redis.asked} times`);
});

t.test('a flood costs Redis nothing once the window is spent', async (t) => {
  const { limiter, redis, pass } = aLimiter(10);
  await takeMany(limiter, 11);
  const { asked } = redis;
  t.equal(await takeMany(limiter, 10_000), 0);
  t.equal(redis.asked, asked);
  t.match(limiter.spent('acme'), { isAllowed: false, remaining: 0 });
  redis.counts.clear(); // as Redis does at the end of the window
  pass(1001);
  t.equal(limiter.spent('acme'), null);
  t.equal(await takeMany(limiter, 1), 1);
});

t.test('who comes at the same moment shares one question, and the budget is kept', async (t) => {
  const { limiter, redis } = aLimiter(100);
  const taken = await Promise.all(Array.from({ length: 300 }, () => limiter.take('acme')));
  t.equal(taken.filter(({ isAllowed }) => isAllowed).length, 100);
  t.ok(redis.asked < 10, `Redis was asked ${redis.asked} times`);
});

t.test('two processes share one budget', async (t) => {
  const redis = new CountingRedis();
  const [a, b] = [aLimiter(100, redis).limiter, aLimiter(100, redis).limiter];
  let allowed = 0;
  for (let i = 0; i < 200; i++) for (const one of [a, b]) if ((await one.take('acme')).isAllowed) allowed++;
  t.equal(allowed, 100);
});

t.test('while Redis is away the process counts by itself', async (t) => {
  const redis = new CountingRedis();
  redis.isBroken = true;
  const { limiter } = aLimiter(20, redis);
  t.equal(await takeMany(limiter, 50), 20);
});

t.test('a key that spent its own budget takes nothing from its tenant', async (t) => {
  const limits = new RequestLimits({
    budgets: {
      reads: { address: 1000, subject: 5, tenant: 10 },
      writes: { address: 1, subject: 1, tenant: 1 },
    },
    failedAuthenticationsPerMinute: 5,
    redis: null,
    redisPrefix: 'test',
  });
  const take = (subject: string) => limits.take('reads', { address: '10.0.0.1', tenant: 'acme', subject });
  for (let i = 0; i < 100; i++) await take('key:flood');
  for (let i = 0; i < 4; i++) t.equal((await take('key:other')).refusedBy, null, `request ${i} of another key`);
});

t.test('an IPv6 customer has one budget, not one for each of its addresses', async (t) => {
  t.equal(addressKey('10.1.2.3'), '10.1.2.3');
  t.equal(addressKey('::ffff:10.1.2.3'), '10.1.2.3');
  t.equal(addressKey('2001:db8:0:1:aaaa::1'), addressKey('2001:0DB8:0:1:bbbb::2'));
  t.not(addressKey('2001:db8:0:1::1'), addressKey('2001:db8:0:2::1'));
  t.equal(addressKey('::1'), '0:0:0:0::/64');
  t.equal(addressKey('fe80::1%eth0'), 'fe80:0:0:0::/64');
});

t.test('the headers name each policy, and what is left of the tightest', async (t) => {
  const taken = (name: string, limit: number, remaining: number): Taken => ({
    isAllowed: true,
    budget: { name, limit, windowSeconds: 1, what: '' },
    remaining,
    resetMs: 300,
  });
  const both = [taken('reads-address', 100, 50), taken('reads-tenant', 1000, 100)];
  t.equal(rateLimitPolicyHeader(both), '"reads-address";q=100;w=1, "reads-tenant";q=1000;w=1');
  t.equal(rateLimitHeader(both), '"reads-tenant";r=100;t=1');
  t.equal(secondsLeft({ resetMs: 1001 }), 2);
});
