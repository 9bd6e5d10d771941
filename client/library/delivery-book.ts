// Which events of a durable subscription this process has met, so that none is handed out twice while it lives: one that is
// delivered again is known when it is still held or worked on, and acknowledged again when it was done. Pure.

import { type Cursor, compareCursors } from '../../schemas/cursor.ts';
import { type EventCursor, eventKey } from './events.ts';

/**
 * 100,000 events, some 10 MB: an event that is done comes again only when its acknowledgement was lost, and then within
 * seconds. Beyond, the oldest are forgotten, and would be handed out a second time.
 */
const REMEMBERED = 100_000;

/** `new`: to be handed out; `open`: the user has it or will get it; `done`: to be acknowledged again. */
export type Meeting = 'new' | 'open' | 'done';

export class DeliveryBook {
  readonly #remembered: number;
  /** Held or worked on, by partition. */
  readonly #open = new Map<number, Map<string, Cursor>>();
  #openCount = 0;
  /** Oldest first. */
  readonly #done = new Set<string>();

  constructor(remembered = REMEMBERED) {
    this.#remembered = remembered;
  }

  /** Events that the user has, or will get, and has said nothing about. */
  get openCount(): number {
    return this.#openCount;
  }

  meet(cursor: EventCursor): Meeting {
    const key = eventKey(cursor);
    if (this.#done.has(key)) return 'done';
    return this.#open.get(cursor.partition)?.has(key) ? 'open' : 'new';
  }

  open(cursor: EventCursor): void {
    let open = this.#open.get(cursor.partition);
    if (!open) {
      open = new Map();
      this.#open.set(cursor.partition, open);
    }
    open.set(eventKey(cursor), cursor);
    this.#openCount += 1;
  }

  /** The first event of a partition that nothing was said about. */
  lowestOpen(partition: number): Cursor | null {
    let lowest: Cursor | null = null;
    for (const cursor of this.#open.get(partition)?.values() ?? []) {
      if (lowest === null || compareCursors(cursor, lowest) < 0) lowest = cursor;
    }
    return lowest;
  }

  /** It is done, and must not be handed out again. */
  finish(cursor: EventCursor): void {
    this.release(cursor);
    this.#done.add(eventKey(cursor));
    if (this.#done.size <= this.#remembered) return;
    for (const oldest of this.#done) {
      this.#done.delete(oldest);
      break;
    }
  }

  /** When it comes again it is handed out again. */
  release(cursor: EventCursor): void {
    if (this.#open.get(cursor.partition)?.delete(eventKey(cursor))) this.#openCount -= 1;
  }

  /** What was done may be wanted again. */
  forgetDone(): void {
    this.#done.clear();
  }
}
