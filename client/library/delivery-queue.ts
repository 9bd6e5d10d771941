// What was received and not yet handed to the user, in order and bounded. When it is full the subscription stops receiving
// (see subscription.ts); this file only says how much room is left and keeps the user's position exact.
//
//   received ──▶ │ batch │ gap │ position │ shed │ batch … │ ──▶ handed out: position moves to the end of what was taken

import { type Cursor, compareCursors, type Position } from '../../schemas/cursor.ts';
import type { EventBatch, Gap, ReceivedEvent, Shed } from './events.ts';
import type { Progress } from './progress.ts';

type Entry<T> =
  | { readonly kind: 'batch'; readonly batch: EventBatch<T> }
  | { readonly kind: 'gap'; readonly gap: Gap }
  | { readonly kind: 'position'; readonly position: Map<number, Cursor> }
  | { readonly kind: 'shed'; readonly sheds: Map<string, Shed> };

/** What is told between the events. */
type Notice = { readonly kind: 'gap'; readonly gap: Gap } | { readonly kind: 'shed'; readonly shed: Shed };

/** Taken entries are cut off the array in bulk: cutting at each take would be quadratic. */
const CUT_ENTRIES = 1024;

export class DeliveryQueue<T> {
  readonly #limit: number;
  readonly #delivered: Progress;
  #entries: Entry<T>[] = [];
  #head = 0;
  #size = 0;
  /** The rest of a batch of which single events were taken. */
  #opened: { readonly batch: EventBatch<T>; next: number } | null = null;

  /**
   * @param limit most events (a gap counts as one) that are held
   * @param delivered moves with everything that is taken out
   */
  constructor(limit: number, delivered: Progress) {
    this.#limit = limit;
    this.#delivered = delivered;
  }

  /** Events and gaps that were not taken yet. */
  get size(): number {
    return this.#size;
  }

  get room(): number {
    return this.#limit - this.#size;
  }

  /** @param batch no more events than there is `room` for */
  pushBatch(batch: EventBatch<T>): void {
    if (batch.events.length > this.room) throw new RangeError('the delivery queue was given more than it has room for');
    this.#size += batch.events.length;
    this.#entries.push({ kind: 'batch', batch });
  }

  pushGap(gap: Gap): void {
    if (this.room < 1) throw new RangeError('the delivery queue was given more than it has room for');
    this.#size += 1;
    this.#entries.push({ kind: 'gap', gap });
  }

  /** Everything up to here was received and nothing in it matched. Costs no room: neighbours melt into one. */
  pushPosition(position: Position): void {
    const last = this.#entries.at(-1);
    if (this.#entries.length > this.#head && last?.kind === 'position') {
      for (const [partition, cursor] of position) {
        const known = last.position.get(partition);
        if (known === undefined || compareCursors(cursor, known) > 0) last.position.set(partition, cursor);
      }
    } else {
      this.#entries.push({ kind: 'position', position: new Map(position) });
    }
    this.#applyPositions();
  }

  /** Costs no room: neighbours of the same partition and reason melt into one. Moves no position: events inside may come. */
  pushShed(shed: Shed): void {
    let last = this.#entries.at(-1);
    if (last?.kind === 'position' && this.#entries.length - this.#head > 1) last = this.#entries.at(-2);
    if (last?.kind !== 'shed' || this.#entries.length === this.#head) {
      last = { kind: 'shed', sheds: new Map() };
      this.#entries.push(last);
    }
    const key = `${shed.partition} ${shed.reason}`;
    const known = last.sheds.get(key);
    last.sheds.set(key, known ? { ...known, to: shed.to, count: known.count + shed.count } : shed);
  }

  takeNotice(): Notice | undefined {
    this.#applyPositions();
    const entry = this.#opened ? undefined : this.#entries[this.#head];
    if (entry?.kind === 'gap') {
      this.#cut(1);
      this.#delivered.advance(entry.gap.partition, entry.gap.to);
      return entry;
    }
    if (entry?.kind !== 'shed') return undefined;
    for (const [key, shed] of entry.sheds) {
      entry.sheds.delete(key);
      if (entry.sheds.size === 0) this.#cut(0);
      return { kind: 'shed', shed };
    }
    return undefined;
  }

  /** The batch that is taken from next; undefined when there is none or a gap stands before it. */
  peekBatch(): EventBatch<T> | undefined {
    return this.#open()?.batch;
  }

  /** @returns undefined when there is none or a gap stands before it */
  takeBatch(): EventBatch<T> | undefined {
    const opened = this.#open();
    if (!opened) return undefined;
    const { batch, next } = opened;
    this.#opened = null;
    const events = next === 0 ? batch.events : batch.events.slice(next);
    this.#size -= events.length;
    this.#delivered.advance(batch.partition, batch.to);
    this.#applyPositions();
    const from = batch.events[next - 1]?.cursor ?? batch.from;
    return next === 0 ? batch : { ...batch, from: { offset: from.offset, index: from.index }, events };
  }

  /** @returns undefined when there is none or a gap stands before it */
  takeEvent(): ReceivedEvent<T> | undefined {
    const opened = this.#open();
    const event = opened?.batch.events[opened.next];
    if (!opened || !event) return undefined;
    opened.next += 1;
    this.#size -= 1;
    const { batch, next } = opened;
    if (next === batch.events.length) {
      this.#opened = null;
      this.#delivered.advance(batch.partition, batch.to);
      this.#applyPositions();
    } else {
      this.#delivered.advance(batch.partition, { offset: event.cursor.offset, index: event.cursor.index });
    }
    return event;
  }

  clear(): void {
    this.#entries = [];
    this.#head = 0;
    this.#size = 0;
    this.#opened = null;
  }

  #open(): { readonly batch: EventBatch<T>; next: number } | null {
    if (this.#opened) return this.#opened;
    this.#applyPositions();
    const entry = this.#entries[this.#head];
    if (entry?.kind !== 'batch') return null;
    this.#cut(0);
    this.#opened = { batch: entry.batch, next: 0 };
    return this.#opened;
  }

  /** Positions at the front need nobody to take them: the user has everything before them. */
  #applyPositions(): void {
    if (this.#opened) return;
    for (let entry = this.#entries[this.#head]; entry?.kind === 'position'; entry = this.#entries[this.#head]) {
      this.#delivered.merge(entry.position);
      this.#cut(0);
    }
  }

  /** Removes the first entry, which held `size` that is now free. */
  #cut(size: number): void {
    this.#size -= size;
    this.#head += 1;
    if (this.#head < CUT_ENTRIES && this.#head < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }
}
