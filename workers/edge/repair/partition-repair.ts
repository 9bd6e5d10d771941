// The repair of one partition: which range is missing, how often it was asked for, and what waits behind it. Pure.
//
//   last ────────── target ├─────┤├─────┤├─────┤
//     │  asked of Kafka │     held, in order of arrival

import type { Cursor } from '../../../schemas/cursor.ts';
import type { HeldEnvelopes } from './held-envelopes.ts';

/** First wait after an answer that brought nothing; it doubles up to the second. */
const FIRST_WAIT_MS = 200;
const MAX_WAIT_MS = 5000;

export class PartitionRepair {
  readonly partition: number;
  readonly beganMs: number;
  readonly held: HeldEnvelopes;
  /** Where the gap ends. */
  target: Cursor;
  /** Named in a request whose answer is not complete. */
  isAsked = false;
  /** A part of what was missing stays missing. */
  hasFailed = false;
  /** Of answers that were applied. */
  eventCount = 0;
  #tries = 0;
  #notBeforeMs = 0;

  constructor(partition: number, target: Cursor, beganMs: number, held: HeldEnvelopes) {
    this.partition = partition;
    this.target = target;
    this.beganMs = beganMs;
    this.held = held;
  }

  /** Requests in a row that brought nothing. */
  get tries(): number {
    return this.#tries;
  }

  isDue(nowMs: number): boolean {
    return !this.isAsked && nowMs >= this.#notBeforeMs;
  }

  onProgress(): void {
    this.#tries = 0;
    this.#notBeforeMs = 0;
  }

  /** @param waited time has gone by without an answer: no need to wait longer */
  onFutileTry(nowMs: number, waited: boolean): void {
    this.#notBeforeMs = waited ? 0 : nowMs + Math.min(FIRST_WAIT_MS * 2 ** this.#tries, MAX_WAIT_MS);
    this.#tries += 1;
  }

  /** What was held begins behind a further gap. */
  extendTo(target: Cursor): void {
    this.target = target;
    this.onProgress();
  }
}
