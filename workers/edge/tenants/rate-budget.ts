// So much a second, counted after it was used: what goes out in one piece cannot be cut, so a budget may be overdrawn, and
// is then closed until it has recovered. Pure: time is an argument.
//
//   level   ▲ burst ────────╮ used        open: level may fall to 0
//           │               ╰──╮
//         0 ┼──────────────────╰╮   ╭─ closed until half a second's worth is there again
//           ▼ deepest            ╰─╯

/** A second's worth at once: a burst behind a pause is no excess. */
const BURST_SECONDS = 1;
/** Closing again at once would make clients change their state many times a second. */
const REOPEN_SECONDS = 0.5;
/** What a single moment may cost at most: longer debts would outlive what they were made for. */
const MAX_DEBT_SECONDS = 10;

export class RateBudget {
  #level: number | null = null;
  #isOpen = true;

  /** What may be used until the next call of `settle`; Infinity: there is no limit, or it is not known yet. */
  get left(): number {
    if (!this.#isOpen) return 0;
    return this.#level ?? Number.POSITIVE_INFINITY;
  }

  /**
   * @param used since the last call
   * @param perSecond null: no limit
   */
  settle(used: number, elapsedMs: number, perSecond: number | null): void {
    if (perSecond === null) {
      this.#level = null;
      this.#isOpen = true;
      return;
    }
    const before = this.#level ?? perSecond * BURST_SECONDS;
    const filled = Math.min(perSecond * BURST_SECONDS, before + (Math.max(0, elapsedMs) * perSecond) / 1000);
    const level = Math.max(-perSecond * MAX_DEBT_SECONDS, filled - used);
    this.#level = level;
    // used up before it was filled: whoever looked at `left` has stopped, and waits until there is enough to go on for a while
    if (level < 0 || (this.#isOpen && used >= before)) this.#isOpen = false;
    else if (level >= perSecond * REOPEN_SECONDS) this.#isOpen = true;
  }
}
