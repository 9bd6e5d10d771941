// The one subscription of a client over HTTP, and what its tenant is charged for it. It is looked at again when its identity
// changes, as those of a connection are.

import type { SubscriptionView } from '../../../schemas/connection-control.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import type { ClientSubscription } from '../client.ts';
import { readsTheSame } from '../entry/identity-rules.ts';
import { OpenSubscriptions } from '../open-subscriptions.ts';
import type { TenantAccount } from '../tenants/tenant-account.ts';

export class HeldSubscription {
  readonly #open: OpenSubscriptions;
  readonly #account: TenantAccount;

  constructor(account: TenantAccount) {
    this.#account = account;
    this.#open = new OpenSubscriptions(account);
  }

  /** Null before it began and after it ended. */
  get present(): ClientSubscription | null {
    return this.#open.all[0] ?? null;
  }

  views(): SubscriptionView[] {
    return this.#open.all.map((subscription) => subscription.view());
  }

  charge(id: string, cost: number): void {
    this.#open.charge(id, cost);
  }

  /**
   * @param isOver whether its client is gone by now
   * @throws what `subscribe` throws: nothing has begun then, and nothing is charged
   */
  begin(id: string, subscribe: () => ClientSubscription, isOver: () => boolean): void {
    this.#account.assertRoomForSubscription();
    const subscription = this.#open.begin(id, subscribe);
    if (subscription.isEnded) return;
    this.#open.set(id, subscription);
    if (isOver()) this.end();
  }

  /** It has ended. */
  forget({ id }: Pick<ClientSubscription, 'id'>): void {
    this.#open.delete(id);
  }

  /** Its client is gone. */
  end(): void {
    for (const subscription of this.#open.all) {
      subscription.end();
      this.#open.delete(subscription.id);
    }
  }

  recheck(before: Identity, identity: Identity, takeTurn: (tenant: string, work: () => void) => void): void {
    if (readsTheSame(before, identity)) return;
    for (const subscription of this.#open.all) {
      takeTurn(identity.tenant, () => {
        if (!subscription.isEnded) subscription.recheck(identity);
      });
    }
  }
}
