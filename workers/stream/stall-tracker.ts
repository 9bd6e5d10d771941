// Tells when a consumer has silently stopped: Kafka has records behind where a partition stands, and for a while none came.
// What helps is tried from small to large. Pure; the clock stands still while the worker itself holds consuming up.
//
//   nothing for stallMs ─▶ reassign ─▶ still nothing for stallMs ─▶ reopen ─▶ … three times ─▶ give up
//
// Any record of the partition, or its end, begins it all anew.

/** Each is a new connection to every broker: what three of them do not mend is not the connection. */
const MAX_REOPENINGS = 3;

export interface Standing {
  readonly slot: number;
  /** Everything before it was received, or is no record. */
  readonly position: number;
  /** Where Kafka's log ends. */
  readonly end: number;
}

export type Remedy =
  | { readonly step: 'none' }
  | { readonly step: 'reassign'; readonly slots: readonly number[] }
  | { readonly step: 'reopen' | 'give-up'; readonly slots: readonly number[] };

interface Stall {
  readonly position: number;
  sinceMs: number;
  /** Remedies that were tried. */
  tried: number;
}

export class StallTracker {
  readonly #stallMs: number;
  readonly #stalls = new Map<number, Stall>();

  constructor(stallMs: number) {
    this.#stallMs = stallMs;
  }

  /**
   * @param standings of all partitions that have not moved for a moment; the others are doing well
   * @returns what to do now
   */
  observe(nowMs: number, standings: readonly Standing[]): Remedy {
    const behind = standings.filter(({ position, end }) => end > position);
    const slots = new Set(behind.map(({ slot }) => slot));
    for (const slot of this.#stalls.keys()) if (!slots.has(slot)) this.#stalls.delete(slot);
    for (const { slot, position } of behind) {
      if (this.#stalls.get(slot)?.position !== position) this.#stalls.set(slot, { position, sinceMs: nowMs, tried: 0 });
    }
    const due = [...this.#stalls].filter(([, { sinceMs }]) => nowMs - sinceMs >= this.#stallMs);
    const isFirst = due.every(([, { tried }]) => tried === 0);
    if (due.length === 0) return { step: 'none' };
    const reopenings = Math.max(...due.map(([, { tried }]) => tried - 1));
    if (reopenings >= MAX_REOPENINGS) return { step: 'give-up', slots: due.map(([slot]) => slot) };
    // A new connection helps, or does not help, all of them.
    for (const [, stall] of isFirst ? due : this.#stalls) {
      stall.tried = Math.max(stall.tried, isFirst ? 0 : 1) + 1;
      stall.sinceMs = nowMs;
    }
    return { step: isFirst ? 'reassign' : 'reopen', slots: due.map(([slot]) => slot) };
  }
}
