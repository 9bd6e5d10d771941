// Work that clients cause at once and in any number, such as planning their filters, gets a part of the event loop and no
// more: the rest is for delivery. What does not fit waits, and tenants take turns.
//
//   run ──time left in this window, nobody waits──▶ now
//     └────────────────────────────────────────▶ queue by tenant ──next window──▶ as many as fit

import { FairQueue } from './fair-queue.ts';

export interface TurnsOptions {
  /** ms of any origin; never goes back. */
  readonly now: () => number;
  readonly later: (delayMs: number, run: () => void) => void;
  /** Of each window; Infinity: everything is done at once. Default: a fifth. */
  readonly workMs?: number;
}

/** A fifth of the loop: one window's worth of it delays a frame by 2 ms, and 10,000 known plans are made in a second. */
const WINDOW_MS = 10;
const WORK_MS = 2;

export class Turns {
  readonly #options: TurnsOptions;
  readonly #queue = new FairQueue<() => void>();
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #spentMs = 0;
  #isPlanned = false;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Bounded by whoever puts in: one piece of work for each connection. */
  get waitingCount(): number {
    return this.#queue.size;
  }

  /**
   * Does the work now, or when it is the tenant's turn.
   *
   * @param work throws nothing
   * @returns true when it is done
   */
  take(tenant: string, work: () => void): boolean {
    if (this.#queue.size === 0 && this.#hasTime()) {
      this.#do(work);
      return true;
    }
    this.#queue.push(tenant, work);
    this.#plan();
    return false;
  }

  /** The same for one who waits for what comes of it. @returns rejects with what the work throws */
  taken<Result>(tenant: string, work: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.take(tenant, () => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #hasTime(): boolean {
    const nowMs = this.#options.now();
    if (nowMs - this.#windowStartMs >= WINDOW_MS) {
      this.#windowStartMs = nowMs;
      this.#spentMs = 0;
    }
    return this.#spentMs < (this.#options.workMs ?? WORK_MS);
  }

  #do(work: () => void): void {
    const beforeMs = this.#options.now();
    work();
    this.#spentMs += this.#options.now() - beforeMs;
  }

  #plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#options.later(WINDOW_MS, () => {
      this.#isPlanned = false;
      while (this.#queue.size > 0 && this.#hasTime()) this.#do(this.#queue.shift() ?? nothing);
      if (this.#queue.size > 0) this.#plan();
    });
  }
}

const nothing = (): void => undefined;
