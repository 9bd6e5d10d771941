// One partition of one shard: which events are not settled, and how far the shard has come. Pure.
//
//   all settled ┤floor ─ in flight: entries ─ ┤readTo ─ of an earlier owner: expected ─ ┤taken ─ not met yet
//
// After a change of owner the partition is read again from its floor: what is met up to `taken` was settled, unless the
// state says that it was not; that is expected, with the attempts it has had.

import { type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import type { InFlight } from './in-flight.ts';
import { cursorKey, laterOf } from './wire-cursor.ts';

export type Meeting =
  | { readonly kind: 'new'; readonly attempts: number; readonly before: Cursor }
  /** Settled, or met before. */
  | { readonly kind: 'known' };

const KNOWN: Meeting = { kind: 'known' };

export interface PartitionStart {
  readonly floor: Cursor;
  readonly taken: Cursor;
  /** cursor → attempts */
  readonly expected: readonly (readonly [Cursor, number])[];
  readonly settled: readonly Cursor[];
}

export class PartitionBook {
  /** In cursor order, since they are met in it. */
  readonly entries = new Map<string, InFlight>();
  readonly #expected: Map<string, { readonly cursor: Cursor; readonly attempts: number }>;
  readonly #settled: Map<string, Cursor>;
  #readTo: Cursor;
  #taken: Cursor;

  constructor({ floor, taken, expected, settled }: PartitionStart) {
    this.#readTo = floor;
    this.#taken = laterOf(floor, taken);
    const isOpen = (cursor: Cursor): boolean => compareCursors(cursor, floor) > 0;
    this.#expected = new Map(
      expected
        .filter(([cursor]) => isOpen(cursor))
        .map(([cursor, attempts]) => [cursorKey(cursor), { cursor, attempts }]),
    );
    this.#settled = new Map(settled.filter(isOpen).map((cursor) => [cursorKey(cursor), cursor]));
  }

  /** Everything up to here was met by this owner. */
  get readTo(): Cursor {
    return this.#readTo;
  }

  /** Everything up to here is settled, except for what is in flight. */
  get taken(): Cursor {
    return laterOf(this.#readTo, this.#taken);
  }

  /** Everything up to here is settled. */
  get floor(): Cursor {
    for (const entry of this.entries.values()) return entry.before;
    return this.#readTo;
  }

  get settled(): Iterable<Cursor> {
    return this.#settled.values();
  }

  /** What is not settled, with the attempts made, in no order. */
  *unsettled(): Generator<readonly [Cursor, number]> {
    for (const { cursor, attempts } of this.entries.values()) yield [cursor, attempts];
    for (const { cursor, attempts } of this.#expected.values()) yield [cursor, attempts];
  }

  /** What an event that is read is to this shard; `known` ones need no room. */
  meet(cursor: Cursor): Meeting {
    if (compareCursors(cursor, this.#readTo) <= 0) return KNOWN;
    const key = cursorKey(cursor);
    if (this.#settled.has(key)) return KNOWN;
    const expected = this.#expected.get(key);
    if (!expected && compareCursors(cursor, this.#taken) <= 0) return KNOWN;
    return { kind: 'new', attempts: expected?.attempts ?? 0, before: this.#readTo };
  }

  /** The event behind `readTo` that was met is in flight now. */
  add(entry: InFlight): void {
    this.entries.set(cursorKey(entry.cursor), entry);
    this.pass(entry.cursor);
  }

  /** Nothing more of the shard will be met up to here: what was expected there does not match any more, or is gone. */
  pass(to: Cursor): void {
    if (compareCursors(to, this.#readTo) <= 0) return;
    this.#readTo = to;
    dropUpTo(this.#expected, to, ({ cursor }) => cursor);
    dropUpTo(this.#settled, to, (cursor) => cursor);
  }

  /** Acknowledged before it was met again. @returns the attempts it has had; null when it is not expected */
  settleExpected(cursor: Cursor): number | null {
    const key = cursorKey(cursor);
    const expected = this.#expected.get(key);
    if (!expected || expected.attempts === 0) return null;
    this.#expected.delete(key);
    if (compareCursors(cursor, this.#taken) > 0) this.#settled.set(key, cursor);
    return expected.attempts;
  }
}

function dropUpTo<Value>(map: Map<string, Value>, to: Cursor, cursorOf: (value: Value) => Cursor): void {
  for (const [key, value] of map) {
    if (compareCursors(cursorOf(value), to) <= 0) map.delete(key);
  }
}
