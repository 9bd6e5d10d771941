// Writes down what one channel got of one partition for a while, as any other subscriber of the channel would have.

import type { Cursor, Position } from '../../../schemas/cursor.ts';
import type { PlanFormat } from '../../../schemas/plan/plan.ts';
import type { EventBatch, Follower } from '../follower.ts';

export interface AuditedRange {
  readonly from: Cursor;
  readonly to: Cursor;
  readonly given: readonly Cursor[];
}

/** A range is long enough with so many events, and judging more would cost a worker too much. */
const MAX_EVENTS = 500;

export class AuditFollower implements Follower {
  readonly format: PlanFormat;
  readonly isFull = false;
  readonly #partition: number;
  readonly #onEnd: () => void;
  readonly #given: Cursor[] = [];
  #from: Cursor | null = null;
  #to: Cursor | null = null;
  #isBroken = false;

  /** @param onEnd it will get nothing more, whatever the reason */
  constructor(format: PlanFormat, partition: number, onEnd: () => void) {
    this.format = format;
    this.#partition = partition;
    this.#onEnd = onEnd;
  }

  /** What it got, up to where it is known to be complete; null when there is nothing to judge. */
  get range(): AuditedRange | null {
    if (this.#isBroken || this.#from === null || this.#to === null) return null;
    return { from: this.#from, to: this.#to, given: this.#given };
  }

  get isLong(): boolean {
    return this.#given.length >= MAX_EVENTS;
  }

  onStart(position: Position): void {
    this.#from = position.get(this.#partition) ?? null;
  }

  onLive(): void {}

  onEvents({ partition, to, events }: EventBatch): void {
    if (partition !== this.#partition || this.isLong) return;
    for (const { cursor } of events) this.#given.push(cursor);
    this.#to = to;
  }

  onPosition(position: Position): void {
    if (!this.isLong) this.#to = position.get(this.#partition) ?? this.#to;
  }

  /** Told to every subscriber as a gap: there is nothing to audit in it. */
  onLost(): void {
    this.#isBroken = true;
  }

  onEnd(): void {
    this.#onEnd();
  }
}
