// The subscriptions of one connection, and what its tenant is charged for them until they have ended.

import type { ClientSubscription } from './client.ts';
import type { TenantAccount } from './tenants/tenant-account.ts';

// Thousands of connections are idle at a time: the maps are made when they are needed.
export class OpenSubscriptions {
  readonly #account: TenantAccount;
  #byId: Map<string, ClientSubscription> | null = null;
  /** Of their filters. */
  #costs: Map<string, number> | null = null;

  constructor(account: TenantAccount) {
    this.#account = account;
  }

  get size(): number {
    return this.#byId?.size ?? 0;
  }

  /** As they are now, whatever ends while they are gone through. */
  get all(): readonly ClientSubscription[] {
    return this.#byId === null ? NONE : [...this.#byId.values()];
  }

  has(id: string): boolean {
    return this.#byId?.has(id) === true;
  }

  get(id: string): ClientSubscription | undefined {
    return this.#byId?.get(id);
  }

  /** @param begin may charge for it; when it throws, nothing is charged */
  begin(id: string, begin: () => ClientSubscription): ClientSubscription {
    try {
      return begin();
    } catch (error) {
      this.#discharge(id);
      throw error;
    }
  }

  set(id: string, subscription: ClientSubscription): void {
    this.#byId ??= new Map();
    this.#byId.set(id, subscription);
    this.#account.onSubscribed();
  }

  /** It has ended, whether it is known here already or not. */
  delete(id: string): void {
    if (this.#byId?.delete(id)) this.#account.onUnsubscribed();
    this.#discharge(id);
  }

  /** @throws MdsError `MDS_QUOTA_EXCEEDED` */
  charge(id: string, cost: number): void {
    this.#account.charge(cost);
    this.#costs ??= new Map();
    this.#costs.set(id, cost);
  }

  #discharge(id: string): void {
    const cost = this.#costs?.get(id);
    if (cost === undefined) return;
    this.#costs?.delete(id);
    this.#account.discharge(cost);
  }
}

const NONE: readonly ClientSubscription[] = [];
