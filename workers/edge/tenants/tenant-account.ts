// What one tenant has at this edge, what it has used lately, and what it may have: its quotas hold for the whole
// installation, so what other edges give it counts. Connections add to the counters as they send; everything else happens
// once a tick.

import { MdsError } from '../../../schemas/errors.ts';
import type { TenantQuotas } from '../../../schemas/identity/identity.ts';
import { TokenBucket } from '../token-bucket.ts';
import { NO_OTHERS, type OthersUse, rateShare, stockShare, type TenantUse } from './quota-share.ts';
import { RateBudget } from './rate-budget.ts';

/** Of one tenant at one edge, whatever its quotas: so much work that others would notice. */
export interface TenantRates {
  readonly connectsPerSecond: number;
  readonly subscribesPerSecond: number;
}

/** A connection as seen from here. */
export interface AccountMember {
  /** Its tenant is no longer throttled. */
  onWritten(): void;
}

/** Everybody comes back within a moment when an edge was lost. */
const BURST_SECONDS = 5;
/** Of the figures that other edges are told. */
const SMOOTHING_MS = 1000;

export class TenantAccount {
  readonly tenant: string;
  readonly members = new Set<AccountMember>();
  /** Events and bytes that were sent, ever. */
  deliveries = 0;
  bytes = 0;
  readonly #rates: TenantRates;
  readonly #connects: TokenBucket;
  readonly #subscribes: TokenBucket;
  readonly #deliveryBudget = new RateBudget();
  readonly #byteBudget = new RateBudget();
  #quotas: TenantQuotas;
  #others: OthersUse = NO_OTHERS;
  #subscriptions = 0;
  #filterCost = 0;
  #settledMs: number;
  #settledDeliveries = 0;
  #settledBytes = 0;
  /** Counts of `deliveries` and `bytes` behind which nothing more is given before the next tick. */
  #deliveriesEnd = Number.POSITIVE_INFINITY;
  #bytesEnd = Number.POSITIVE_INFINITY;
  #deliveriesPerSecond = 0;
  #bytesPerSecond = 0;

  constructor(tenant: string, quotas: TenantQuotas, rates: TenantRates, nowMs: number) {
    this.tenant = tenant;
    this.#quotas = quotas;
    this.#rates = rates;
    this.#settledMs = nowMs;
    this.#connects = new TokenBucket(rates.connectsPerSecond, rates.connectsPerSecond * BURST_SECONDS, nowMs);
    this.#subscribes = new TokenBucket(rates.subscribesPerSecond, rates.subscribesPerSecond * BURST_SECONDS, nowMs);
  }

  /** True: nothing more is given to its clients for now. */
  get isThrottled(): boolean {
    return this.deliveries >= this.#deliveriesEnd || this.bytes >= this.#bytesEnd;
  }

  get use(): TenantUse {
    return {
      connections: this.members.size,
      subscriptions: this.#subscriptions,
      filterCost: this.#filterCost,
      deliveriesPerSecond: this.#deliveriesPerSecond,
      bytesPerSecond: this.#bytesPerSecond,
    };
  }

  /** Nothing of it is here, and nothing has to be remembered. */
  get isIdle(): boolean {
    return this.members.size === 0 && this.#subscriptions === 0 && !this.isThrottled && this.#deliveriesPerSecond < 1;
  }

  /** True when what other edges give it matters. */
  get hasQuotas(): boolean {
    const { connections, subscriptions, filterCost, deliveriesPerSecond, bytesOutPerSecond } = this.#quotas;
    return [connections, subscriptions, filterCost, deliveriesPerSecond, bytesOutPerSecond].some((q) => q !== null);
  }

  onOthers(others: OthersUse): void {
    this.#others = others;
  }

  /** @throws MdsError `MDS_RATE_LIMITED` or `MDS_QUOTA_EXCEEDED` */
  admitConnection(nowMs: number): void {
    if (!this.#connects.take(nowMs)) throw rateLimited(this.#rates.connectsPerSecond, 'connects');
    const { connections } = this.#quotas;
    assertBelow(this.members.size, stockShare(connections, this.#others.connections), connections, 'connections');
  }

  /** Before anything is planned. @throws MdsError `MDS_RATE_LIMITED` or `MDS_QUOTA_EXCEEDED` */
  admitSubscription(nowMs: number): void {
    this.admitPlanning(nowMs);
    this.assertRoomForSubscription();
  }

  /** @throws MdsError `MDS_RATE_LIMITED` */
  admitPlanning(nowMs: number): void {
    if (!this.#subscribes.take(nowMs)) throw rateLimited(this.#rates.subscribesPerSecond, 'subscribes');
  }

  /** @throws MdsError `MDS_QUOTA_EXCEEDED` */
  assertRoomForSubscription(): void {
    const { subscriptions } = this.#quotas;
    const share = stockShare(subscriptions, this.#others.subscriptions);
    assertBelow(this.#subscriptions, share, subscriptions, 'subscriptions');
  }

  /** Before anything is begun. @param cost of its filter, in units of `costOf` @throws MdsError `MDS_QUOTA_EXCEEDED` */
  charge(cost: number): void {
    const { filterCost } = this.#quotas;
    const share = stockShare(filterCost, this.#others.filterCost);
    if (cost > 0) assertBelow(this.#filterCost + cost - 1, share, filterCost, 'units of filter cost');
    this.#filterCost += cost;
  }

  discharge(cost: number): void {
    this.#filterCost -= cost;
  }

  onSubscribed(): void {
    this.#subscriptions += 1;
  }

  onUnsubscribed(): void {
    this.#subscriptions -= 1;
  }

  /** Several times a second: settles what was sent since. */
  tick(nowMs: number, quotas: TenantQuotas): void {
    this.#quotas = quotas;
    const elapsedMs = nowMs - this.#settledMs;
    if (elapsedMs <= 0) return;
    const wasThrottled = this.isThrottled;
    const deliveries = this.deliveries - this.#settledDeliveries;
    const bytes = this.bytes - this.#settledBytes;
    this.#settledMs = nowMs;
    this.#settledDeliveries = this.deliveries;
    this.#settledBytes = this.bytes;
    this.#deliveriesPerSecond = smoothed(this.#deliveriesPerSecond, deliveries, elapsedMs);
    this.#bytesPerSecond = smoothed(this.#bytesPerSecond, bytes, elapsedMs);
    const { edges } = this.#others;
    const { deliveriesPerSecond, bytesOutPerSecond } = quotas;
    const deliveryShare = rateShare(deliveriesPerSecond, this.#others.deliveriesPerSecond, edges);
    this.#deliveryBudget.settle(deliveries, elapsedMs, deliveryShare);
    this.#byteBudget.settle(bytes, elapsedMs, rateShare(bytesOutPerSecond, this.#others.bytesPerSecond, edges));
    this.#deliveriesEnd = this.deliveries + this.#deliveryBudget.left;
    this.#bytesEnd = this.bytes + this.#byteBudget.left;
    if (wasThrottled && !this.isThrottled) for (const member of [...this.members]) member.onWritten();
  }
}

const rateLimited = (limit: number, what: string): MdsError =>
  new MdsError('MDS_RATE_LIMITED', { limit, what: `${what} a second of the tenant` });

function assertBelow(held: number, share: number | null, quota: number | null, what: string): void {
  if (share !== null && held >= share) throw new MdsError('MDS_QUOTA_EXCEEDED', { limit: quota, what });
}

/** A rate over the last second, about. */
function smoothed(before: number, count: number, elapsedMs: number): number {
  const weight = Math.min(1, elapsedMs / SMOOTHING_MS);
  return before * (1 - weight) + ((count * 1000) / elapsedMs) * weight;
}
