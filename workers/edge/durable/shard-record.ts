// What happened in a shard since it was last stored: counts of the ledger, absolute within one minute, and entries of the
// trail. Storing them twice is harmless for the ledger; the trail may say a thing twice, never less than once.

import type { Cursor } from '../../../schemas/cursor.ts';
import { LEDGER_COUNTS, type LedgerCount, type TrailEntry } from '../../../schemas/durable.ts';

type Counts = Record<LedgerCount, number>;

export interface RecordSnapshot {
  readonly minute: number;
  readonly counts: readonly (readonly [LedgerCount, number])[];
  readonly trail: readonly TrailEntry[];
}

export interface RecordOwner {
  readonly shard: number;
  readonly epoch: number;
  readonly consumer: string;
  readonly edgeId: string;
}

const MINUTE_MS = 60_000;
/** Of one entry of the trail. */
const MAX_CURSORS = 100;
/** While Redis is away; the oldest go first. What is counted in the ledger stays. */
const MAX_ENTRIES = 1000;

export class ShardRecord {
  #minute: number;
  #counts: Counts = noCounts();
  #stored: Counts = noCounts();
  #isChanged = false;
  #trail: TrailEntry[] = [];
  readonly #owner: () => RecordOwner;

  constructor(owner: () => RecordOwner, nowMs: number) {
    this.#owner = owner;
    this.#minute = Math.floor(nowMs / MINUTE_MS);
  }

  count(what: LedgerCount, nowMs: number, count = 1): void {
    if (!this.#isChanged) this.#turn(nowMs);
    this.#counts[what] += count;
    this.#isChanged = true;
  }

  /** Something happened to one event. */
  add(what: TrailEntry['what'], partition: number, { offset, index }: Cursor, reason: string, nowMs: number): void {
    const last = this.#trail.at(-1);
    const isSame = last?.what === what && last.partition === partition && (last.reason ?? '') === reason;
    if (isSame && last.cursors.length < MAX_CURSORS) last.cursors.push([offset, index]);
    else this.#push(what, partition, [[offset, index]], reason, nowMs);
  }

  /** Something happened to everything in (from, to]. */
  addRange(what: 'expired' | 'skipped', partition: number, from: Cursor, to: Cursor, nowMs: number): void {
    const range: TrailEntry['cursors'] = [
      [from.offset, from.index],
      [to.offset, to.index],
    ];
    this.#push(what, partition, range, '', nowMs);
  }

  /** What is to be stored; then call `onStored` with it. */
  snapshot(): RecordSnapshot {
    const changed = LEDGER_COUNTS.filter((what) => this.#counts[what] > 0);
    return {
      minute: this.#minute,
      counts: this.#isChanged ? changed.map((what) => [what, this.#counts[what]] as const) : [],
      trail: [...this.#trail],
    };
  }

  onStored({ counts, trail }: RecordSnapshot, nowMs: number): void {
    const stored = new Set(trail);
    this.#trail = this.#trail.filter((entry) => !stored.has(entry));
    for (const [what, count] of counts) this.#stored[what] = count;
    this.#isChanged = LEDGER_COUNTS.some((what) => this.#counts[what] !== this.#stored[what]);
    this.#turn(nowMs);
  }

  /** Counted under another epoch from now on: what is stored already must not be counted twice. */
  onNewEpoch(nowMs: number): void {
    this.#forgetStored();
    this.#turn(nowMs);
  }

  /** A minute that is over keeps only what was stored in it. */
  #turn(nowMs: number): void {
    const minute = Math.floor(nowMs / MINUTE_MS);
    if (minute === this.#minute) return;
    this.#minute = minute;
    this.#forgetStored();
  }

  #forgetStored(): void {
    for (const what of LEDGER_COUNTS) this.#counts[what] -= this.#stored[what];
    this.#stored = noCounts();
  }

  #push(
    what: TrailEntry['what'],
    partition: number,
    cursors: TrailEntry['cursors'],
    reason: string,
    nowMs: number,
  ): void {
    const owner = this.#owner();
    this.#trail.push({
      atMs: Math.round(nowMs),
      what,
      partition,
      cursors,
      ...owner,
      ...(reason === '' ? {} : { reason }),
    });
    if (this.#trail.length > MAX_ENTRIES) this.#trail.shift();
  }
}

const noCounts = (): Counts => ({
  matched: 0,
  sent: 0,
  acknowledged: 0,
  redelivered: 0,
  negative: 0,
  deadLettered: 0,
  expired: 0,
  skipped: 0,
});
