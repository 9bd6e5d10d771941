// Limits how often something may happen: so many times a second, and a burst on top. Pure: time is an argument. Used for the
// messages a client sends, where the burst is the moment after a reconnect, and for the events of a `maxRate`.

export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filledMs: number;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#filledMs = nowMs;
  }

  /** @returns false when there is none left: the limit is exceeded */
  take(nowMs: number): boolean {
    this.#fill(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** How often `take` says yes now. */
  available(nowMs: number): number {
    this.#fill(nowMs);
    return Math.floor(this.#tokens);
  }

  /** How long until `take` says yes; 0: it does now. */
  waitMs(nowMs: number): number {
    this.#fill(nowMs);
    return this.#tokens >= 1 ? 0 : ((1 - this.#tokens) * 1000) / this.#perSecond;
  }

  #fill(nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - this.#filledMs);
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsedMs * this.#perSecond) / 1000);
    this.#filledMs = nowMs;
  }
}
