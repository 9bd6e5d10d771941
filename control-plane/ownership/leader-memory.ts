// What the leader remembers from round to round, besides the truth in Postgres: since when it waits for something, and where
// partitions go on that were given back. A new leader begins without; then a wait begins anew, and a partition goes on at
// its last commit.

import type { PartitionKey } from './assign.ts';

export interface LeaderMemory {
  /** By what is waited for; ms since 1970. */
  readonly waiting: ReadonlyMap<string, number>;
  readonly starts: ReadonlyMap<PartitionKey, PartitionStart>;
}

export interface PartitionStart {
  /** Of who gave it back; then of who was granted it. Under any other epoch the offset means nothing. */
  readonly epoch: number;
  readonly offset: number;
}

export const NO_MEMORY: LeaderMemory = { waiting: new Map(), starts: new Map() };

/** The waits of one round: those that nobody asks for any more are forgotten. */
export class Waits {
  readonly now = new Map<string, number>();
  readonly #before: ReadonlyMap<string, number>;
  readonly #nowMs: number;

  constructor(before: ReadonlyMap<string, number>, nowMs: number) {
    this.#before = before;
    this.#nowMs = nowMs;
  }

  /** @returns true when this has been waited for, round after round, for so long */
  isOver(what: string, limitMs: number): boolean {
    const sinceMs = this.#before.get(what) ?? this.#nowMs;
    this.now.set(what, sinceMs);
    return this.#nowMs - sinceMs >= limitMs;
  }
}
