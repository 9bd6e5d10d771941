// Proof that this worker still is who it says: as long as its heartbeat reached Redis a short while ago, nobody else has
// been given its partitions. Without proof it neither publishes nor commits (self-fencing).

import { HEARTBEAT_INTERVAL_MS, HEARTBEAT_TTL_MS } from '../../schemas/coordination.ts';

/** One beat less than the time after which the leader replaces this worker. */
export const LEASE_MS = HEARTBEAT_TTL_MS - HEARTBEAT_INTERVAL_MS;

export class Lease {
  readonly #now: () => number;
  #provenAtMs = Number.NEGATIVE_INFINITY;
  #waiters: (() => void)[] = [];

  /** @param now milliseconds, going on also while the process is stopped */
  constructor(now: () => number) {
    this.#now = now;
  }

  get isHeld(): boolean {
    return this.#now() - this.#provenAtMs < LEASE_MS;
  }

  /** @param sentAtMs when the heartbeat that succeeded was sent: from then on its key lives */
  prove(sentAtMs: number): void {
    this.#provenAtMs = Math.max(this.#provenAtMs, sentAtMs);
    if (!this.isHeld) return;
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  /** Resolves once there is proof. */
  async held(): Promise<void> {
    while (!this.isHeld) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiters.push(resolve);
      await promise;
    }
  }
}
