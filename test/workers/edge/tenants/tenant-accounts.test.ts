// What a tenant may have at an edge: rates, quotas shared with other edges, and throttling that ends by itself.

import fc from 'fast-check';
import t from 'tap';
import { NO_OTHERS, rateShare, stockShare, sumOf } from '../../../../workers/edge/tenants/quota-share.ts';
import { RateBudget } from '../../../../workers/edge/tenants/rate-budget.ts';
import { TenantAccounts } from '../../../../workers/edge/tenants/tenant-accounts.ts';
import { anAccount, noQuotas } from '../an-identity.ts';

const aMember = () => {
  const member = {
    woken: 0,
    onWritten: () => {
      member.woken += 1;
    },
  };
  return member;
};

t.test('a budget that is overdrawn closes, and opens when half a second of it is there again', async (t) => {
  const budget = new RateBudget();
  budget.settle(900, 100, 1000);
  t.equal(budget.left, 100, 'a second’s worth at once is no excess');
  budget.settle(1200, 100, 1000);
  t.equal(budget.left, 0);
  budget.settle(0, 1000, 1000);
  t.equal(budget.left, 0, 'the debt is paid, and no more');
  budget.settle(0, 500, 1000);
  t.equal(budget.left, 500);
  budget.settle(1_000_000, 100, 1000);
  budget.settle(0, 10_500, 1000);
  t.equal(budget.left, 500, 'no debt outlives ten seconds');
  budget.settle(1_000_000, 100, null);
  t.equal(budget.left, Number.POSITIVE_INFINITY, 'without a limit nothing is owed');
});

t.test('whatever is asked of a budget, what it gives stays within rate and burst', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 50, maxLength: 200 }), (wants) => {
      const budget = new RateBudget();
      let given = 0;
      for (const want of wants) {
        const used = budget.left > 0 ? want : 0;
        given += used;
        budget.settle(used, 100, 1000);
      }
      return given <= 1000 + wants.length * 100 + 300; // burst, rate, and one step that overdraws
    }),
  );
  t.pass();
});

const USE = { connections: 1, subscriptions: 2, filterCost: 3, deliveriesPerSecond: 40, bytesPerSecond: 50 };

t.test('things that stay are had where they are had; things that flow are never less than an equal part', async (t) => {
  t.same(sumOf([USE, USE]), {
    edges: 2,
    connections: 2,
    subscriptions: 4,
    filterCost: 6,
    deliveriesPerSecond: 80,
    bytesPerSecond: 100,
  });
  t.same([stockShare(null, 5), stockShare(10, 4), stockShare(10, 12)], [null, 6, 0]);
  t.same([rateShare(null, 5, 1), rateShare(100, 10, 1), rateShare(100, 100, 1)], [null, 90, 50]);
});

t.test('edges that each take what is theirs settle within the quota', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 1, maxLength: 6 }), (wants) => {
      let used = wants.map(() => 0);
      for (let round = 0; round < 3 * wants.length; round++) {
        for (const [i, want] of wants.entries()) {
          const others = used.reduce((sum, use, j) => (j === i ? sum : sum + use), 0);
          used = used.with(i, Math.min(want, rateShare(300, others, wants.length - 1) ?? want));
        }
      }
      const total = used.reduce((sum, use) => sum + use, 0);
      const wanted = wants.reduce((sum, want) => sum + want, 0);
      return total <= 300 + 1e-6 && total >= Math.min(wanted, 300) - 1e-6;
    }),
  );
  t.pass();
});

t.test('connections, subscriptions and filter cost end at the quota, less what other edges give', async (t) => {
  const account = anAccount({ connections: 3, subscriptions: 2, filterCost: 10 });
  account.onOthers({ ...NO_OTHERS, edges: 1, connections: 1, filterCost: 4 });
  for (let i = 0; i < 2; i++) {
    account.admitConnection(0);
    account.members.add(aMember());
  }
  t.throws(() => account.admitConnection(0), {
    code: 'MDS_QUOTA_EXCEEDED',
    details: { limit: 3, what: 'connections' },
  });
  account.admitSubscription(0);
  account.onSubscribed();
  account.onSubscribed();
  t.throws(() => account.admitSubscription(0), { code: 'MDS_QUOTA_EXCEEDED', details: { what: 'subscriptions' } });
  account.onUnsubscribed();
  account.admitSubscription(0);
  account.charge(6);
  t.throws(() => account.charge(1), { code: 'MDS_QUOTA_EXCEEDED', details: { limit: 10 } });
  account.charge(0);
  account.discharge(6);
  account.charge(6);
  t.match(account.use, { connections: 2, subscriptions: 1, filterCost: 6 });
});

t.test('connects and subscribes have a rate', async (t) => {
  const account = anAccount();
  for (let i = 0; i < 500; i++) account.admitConnection(0);
  t.throws(() => account.admitConnection(0), { code: 'MDS_RATE_LIMITED' });
  account.admitConnection(10);
  for (let i = 0; i < 500; i++) account.admitSubscription(0);
  t.throws(() => account.admitSubscription(0), { code: 'MDS_RATE_LIMITED' });
});

t.test(
  'a tenant beyond its deliveries is throttled and its clients are woken when that ends; others are not',
  async (t) => {
    let nowMs = 0;
    const accounts = new TenantAccounts({
      rates: { connectsPerSecond: 10, subscribesPerSecond: 10 },
      quotasOf: (tenant) => (tenant === 'busy' ? { ...noQuotas, deliveriesPerSecond: 100 } : noQuotas),
      now: () => nowMs,
    });
    const tick = (): readonly string[] => {
      nowMs += 100;
      return accounts.tick();
    };
    const busy = accounts.of('busy');
    const member = aMember();
    busy.members.add(member);
    accounts.of('quiet').members.add(aMember());
    for (const account of accounts.all) account.deliveries += 1000;
    t.same(tick(), ['busy']);
    t.equal(accounts.of('quiet').isThrottled, false);
    t.equal(accounts.throttledCount, 1);
    t.equal(busy.hasQuotas, true);
    t.equal(accounts.of('quiet').hasQuotas, false);
    for (let i = 0; i < 120; i++) tick();
    t.equal(busy.isThrottled, false);
    t.equal(member.woken, 1);
  },
);

t.test('a tenant is throttled the moment its budget is used up, not at the next tick', async (t) => {
  let nowMs = 0;
  const accounts = new TenantAccounts({
    rates: { connectsPerSecond: 10, subscribesPerSecond: 10 },
    quotasOf: () => ({ ...noQuotas, deliveriesPerSecond: 100 }),
    now: () => nowMs,
  });
  const account = accounts.of('busy');
  const member = aMember();
  account.members.add(member);
  const tick = (): readonly string[] => {
    nowMs += 100;
    return accounts.tick();
  };
  tick();
  account.deliveries += 99;
  t.equal(account.isThrottled, false);
  account.deliveries += 1;
  t.equal(account.isThrottled, true);
  t.same(tick(), ['busy'], 'and stays it, since its clients have stopped');
  t.equal(member.woken, 0);
  for (let i = 0; i < 5; i++) tick();
  t.equal(account.isThrottled, false);
  t.equal(member.woken, 1);
});

t.test('an account is forgotten a while after its last connection, and not before', async (t) => {
  let nowMs = 0;
  const accounts = new TenantAccounts({
    rates: { connectsPerSecond: 1, subscribesPerSecond: 1 },
    quotasOf: () => noQuotas,
    now: () => nowMs,
  });
  const account = accounts.of('acme');
  const member = aMember();
  account.members.add(member);
  const wait = (ms: number): void => {
    for (const end = nowMs + ms; nowMs < end; nowMs += 1000) accounts.tick();
  };
  wait(60_000);
  t.equal(accounts.of('acme'), account);
  account.members.delete(member);
  wait(20_000);
  t.equal(accounts.of('acme'), account);
  wait(20_000);
  t.not(accounts.of('acme'), account);
});
