// The accounts of all tenants that have something at this edge.

import type { TenantQuotas } from '../../../schemas/identity/identity.ts';
import { TenantAccount, type TenantRates } from './tenant-account.ts';

export interface TenantAccountsOptions {
  readonly rates: TenantRates;
  readonly quotasOf: (tenant: string) => TenantQuotas;
  /** ms of any origin; never goes back. */
  readonly now: () => number;
}

/** Rates of connects outlive their connections for so long: coming back must not make a new start. */
const IDLE_MS = 30_000;

export class TenantAccounts {
  readonly #options: TenantAccountsOptions;
  readonly #accounts = new Map<string, TenantAccount>();
  readonly #idleSinceMs = new Map<TenantAccount, number>();

  constructor(options: TenantAccountsOptions) {
    this.#options = options;
  }

  get all(): Iterable<TenantAccount> {
    return this.#accounts.values();
  }

  /** Tenants whose clients are to be given nothing more for now. */
  get throttledCount(): number {
    let count = 0;
    for (const { isThrottled } of this.#accounts.values()) if (isThrottled) count += 1;
    return count;
  }

  /** As many as there are tenants, at most. */
  of(tenant: string): TenantAccount {
    let account = this.#accounts.get(tenant);
    if (!account) {
      const { rates, quotasOf, now } = this.#options;
      account = new TenantAccount(tenant, quotasOf(tenant), rates, now());
      this.#accounts.set(tenant, account);
    }
    return account;
  }

  /** Several times a second. @returns tenants whose clients are to be given nothing more for now */
  tick(): readonly string[] {
    const { quotasOf, now } = this.#options;
    const nowMs = now();
    const throttled: string[] = [];
    for (const account of [...this.#accounts.values()]) {
      account.tick(nowMs, quotasOf(account.tenant));
      if (account.isThrottled) throttled.push(account.tenant);
      this.#forgetIdle(account, nowMs);
    }
    return throttled;
  }

  #forgetIdle(account: TenantAccount, nowMs: number): void {
    if (!account.isIdle) {
      this.#idleSinceMs.delete(account);
      return;
    }
    const sinceMs = this.#idleSinceMs.get(account) ?? nowMs;
    this.#idleSinceMs.set(account, sinceMs);
    if (nowMs - sinceMs < IDLE_MS) return;
    this.#idleSinceMs.delete(account);
    this.#accounts.delete(account.tenant);
  }
}
