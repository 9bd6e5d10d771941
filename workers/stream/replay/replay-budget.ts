// What replays may read of Kafka: so many bytes a second over all requests, and a quarter of it while live delivery is held
// up. Pure.

/** Live delivery that waits for room is short of the CPU or the Redis that a replay would take. */
const SHARE_BESIDES_LIVE = 0.25;

export class ReplayBudget {
  #bytesPerMs: number;
  #paidUntilMs = Number.NEGATIVE_INFINITY;

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /** From now on. */
  set bytesPerSecond(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /** @returns how many ms to wait before more is read */
  spend(bytes: number, nowMs: number, isLiveHeldUp: boolean): number {
    const costMs = bytes / this.#bytesPerMs / (isLiveHeldUp ? SHARE_BESIDES_LIVE : 1);
    this.#paidUntilMs = Math.max(this.#paidUntilMs, nowMs) + costMs;
    return this.#paidUntilMs - nowMs;
  }
}
