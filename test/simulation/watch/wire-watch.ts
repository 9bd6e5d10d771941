// Looks at every frame of one connection as it arrives, before the library does: the library drops what comes twice, and so
// would hide an edge that sends it.

import { type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import { parseServerFrame } from '../../../schemas/frame-reader.ts';
import type { EventsFrame, WireCursor } from '../../../schemas/frames.ts';

const cursorOf = ([offset, index]: WireCursor): Cursor => ({ offset, index });

export class WireWatch {
  readonly #fail: (problem: string) => void;
  /** Stream and partition → end of its last frame. A stream is a channel, or what is for one subscription only. */
  readonly #ends = new Map<string, Cursor>();

  /** Ids of durable subscriptions, whose events come again and not in order then. */
  readonly #durable = new Set<string>();

  constructor(fail: (problem: string) => void) {
    this.#fail = fail;
  }

  frame(text: string): void {
    const frame = parseServerFrame(text);
    if (frame?.type === 'consuming') this.#durable.add(frame.id);
    if (frame?.type === 'events' && !this.#durable.has(frame.sub ?? '')) this.#events(frame);
  }

  #events(frame: EventsFrame): void {
    const { channel, sub, partition, events } = frame;
    const [from, to] = [cursorOf(frame.from), cursorOf(frame.to)];
    const stream = `${sub ?? channel} p${partition}`;
    const end = this.#ends.get(stream);
    if (end && compareCursors(from, end) < 0) this.#fail(`a frame of ${stream} begins before the one before it ended`);
    let before = from;
    for (const { at } of events) {
      const cursor = cursorOf(at);
      if (compareCursors(cursor, before) <= 0)
        this.#fail(`${cursor.offset}:${cursor.index} of ${stream} is out of place`);
      before = cursor;
    }
    if (compareCursors(before, to) > 0) this.#fail(`a frame of ${stream} ends before its last event`);
    this.#ends.set(stream, to);
  }
}
