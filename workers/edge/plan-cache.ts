// Plans remembered for equal requests; a wave of reconnecting clients asks for the same few again and again. Bounded in all:
// when it is full, whoever holds most makes room, so that a tenant that asks for ever new filters forgets its own plans only.

import type { ChannelPlan } from './delivery-options.ts';

/** 4096 plans of 1 KB are 4 MB, and many times what an edge's clients ask for at a time. */
const MAX_PLANS = 4096;

export class PlanCache {
  readonly #maxPlans: number;
  /** By tenant, then by request; what was asked for longest ago stands first. */
  readonly #plans = new Map<string, Map<string, ChannelPlan>>();
  #size = 0;

  constructor(maxPlans = MAX_PLANS) {
    this.#maxPlans = maxPlans;
  }

  get size(): number {
    return this.#size;
  }

  get(tenant: string, key: string): ChannelPlan | undefined {
    const plans = this.#plans.get(tenant);
    const plan = plans?.get(key);
    if (!plans || !plan) return undefined;
    plans.delete(key);
    plans.set(key, plan);
    return plan;
  }

  set(tenant: string, key: string, plan: ChannelPlan): void {
    let plans = this.#plans.get(tenant);
    if (!plans) {
      plans = new Map();
      this.#plans.set(tenant, plans);
    }
    if (!plans.has(key)) {
      this.#size += 1;
      if (this.#size > this.#maxPlans) this.#makeRoom(tenant);
    }
    plans.set(key, plan);
  }

  clear(): void {
    this.#plans.clear();
    this.#size = 0;
  }

  /** @param asking whose next plan counts already */
  #makeRoom(asking: string): void {
    let largest = asking;
    let most = (this.#plans.get(asking)?.size ?? 0) + 1;
    for (const [tenant, { size }] of this.#plans) {
      if (size <= most) continue;
      largest = tenant;
      most = size;
    }
    const plans = this.#plans.get(largest);
    const oldest = plans?.keys().next();
    if (!plans || !oldest || oldest.done) return;
    plans.delete(oldest.value);
    this.#size -= 1;
    if (plans.size === 0 && largest !== asking) this.#plans.delete(largest);
  }
}
