// Redis' clock, for times that one process writes and another one reads: clocks of machines may be hours apart, and a
// deadline that one of them wrote would then never, or always, be over for the other.

import type { Redis } from './redis.ts';

/** Clocks drift by milliseconds in this time. */
const SYNC_INTERVAL_MS = 5000;

export class RedisClock {
  readonly #redis: Redis;
  readonly #monotonicMs: () => number;
  #aheadMs: number;

  /** @param monotonicMs milliseconds, never going back */
  constructor(redis: Redis, monotonicMs: () => number = () => performance.now()) {
    this.#redis = redis;
    this.#monotonicMs = monotonicMs;
    this.#aheadMs = Date.now() - monotonicMs();
  }

  /** Until Redis has answered for the first time, this machine's clock counts. */
  start(): void {
    void this.sync();
    setInterval(() => void this.sync(), SYNC_INTERVAL_MS).unref();
  }

  /** ms since 1970. */
  nowMs(): number {
    return Math.round(this.#monotonicMs() + this.#aheadMs);
  }

  /** Asks Redis now; when it is away, what is known stays. */
  async sync(): Promise<void> {
    const askedMs = this.#monotonicMs();
    try {
      const [seconds, micros] = await this.#redis.time();
      const redisMs = Number(seconds) * 1000 + Number(micros) / 1000;
      this.#aheadMs = redisMs - (askedMs + this.#monotonicMs()) / 2;
    } catch {
      // the connection itself reports that it is away; the next look comes by itself
    }
  }
}
