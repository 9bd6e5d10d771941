// An `events` frame of mds.v1.json.
//
//   {"type":"events","channel":"<32 hex>" │ ,"sub":"…" │ ,"partition":…,"from":…,"to":…,"times":…,"events":[…]}
//    └ SUB_AT bytes, always ──────────────┘ └ optional ┘ └ the same for most channels of one moment ┘

import type { Cursor } from '../../schemas/cursor.ts';
import { writeAscii, writeNumber } from './ascii.ts';
import type { FrameHead } from './events-frame.ts';
import type { GatheredEvents } from './gathered-events.ts';

const HEAD_TEXT = '{"type":"events","channel":"';
const CHANNEL_CHARS = 32;
/** Where a frame of a channel becomes a frame of one subscription by insertion of `sub`. */
const SUB_AT = HEAD_TEXT.length + CHANNEL_CHARS + 1;

const text = (ascii: string): Uint8Array => Buffer.from(ascii, 'latin1');
const HEAD = text(HEAD_TEXT);
const PARTITION = text('","partition":');
const FROM = text(',"from":[');
const TO = text('],"to":[');
const TIMES = text('],"times":[');
const EVENTS = text('],"events":[');
const FIRST_AT = text('{"at":[');
const NEXT_AT = text('},{"at":[');
const DATA = text('],"data":');
const END = text('}]}');
const COMMA = text(',');

/** A number has at most 24 characters. */
const MAX_NUMBER_CHARS = 24;
const MAX_HEAD_BYTES = 128 + CHANNEL_CHARS + 8 * MAX_NUMBER_CHARS;
const MAX_EVENT_HEAD_BYTES = 20 + 2 * MAX_NUMBER_CHARS;

/** Bytes that a frame needs at most. */
export const jsonFrameBytes = (eventCount: number, eventBytes: number): number =>
  MAX_HEAD_BYTES + eventCount * MAX_EVENT_HEAD_BYTES + eventBytes;

export class JsonFrameWriter {
  /** The middle of the last frame: channels that are flushed together mostly have the same. */
  readonly #middle = Buffer.alloc(MAX_HEAD_BYTES);
  #middleLength = 0;
  #last: FrameHead | null = null;

  /** @returns where the frame ends */
  write(target: Buffer, start: number, head: FrameHead, events: GatheredEvents, first: number, end: number): number {
    let at = writeAscii(target, start, HEAD);
    at += target.write(head.channel, at, 'latin1');
    if (this.#last === null || !sameMiddle(this.#last, head)) this.#writeMiddle(head);
    this.#middle.copy(target, at, 0, this.#middleLength);
    at += this.#middleLength;
    for (let i = first; i < end; i++) {
      const envelope = events.envelope(i);
      const place = events.place(i);
      at = writeAscii(target, at, i === first ? FIRST_AT : NEXT_AT);
      at = writeNumber(target, at, envelope.eventOffset(place));
      at = writeAscii(target, at, COMMA);
      at = writeNumber(target, at, envelope.eventIndex(place));
      at = writeAscii(target, at, DATA);
      const eventStart = envelope.eventStart(place);
      const eventLength = envelope.eventLength(place);
      envelope.bytes.copy(target, at, eventStart, eventStart + eventLength);
      at += eventLength;
    }
    return writeAscii(target, at, END);
  }

  #writeMiddle(head: FrameHead): void {
    const target = this.#middle;
    let at = writeNumber(target, writeAscii(target, 0, PARTITION), head.partition);
    at = writeCursor(target, writeAscii(target, at, FROM), head.from);
    at = writeCursor(target, writeAscii(target, at, TO), head.to);
    at = writeNumber(target, writeAscii(target, at, TIMES), head.oldestRecordMs);
    at = writeNumber(target, writeAscii(target, at, COMMA), head.publishedMs);
    at = writeNumber(target, writeAscii(target, at, COMMA), head.sentMs);
    this.#middleLength = writeAscii(target, at, EVENTS);
    this.#last = head;
  }
}

/** The same frame with `sub`; a copy. */
export function addressedJsonFrame(frame: Uint8Array, subscriptionId: string): Buffer {
  const sub = Buffer.from(`,"sub":${JSON.stringify(subscriptionId)}`);
  return Buffer.concat([frame.subarray(0, SUB_AT), sub, frame.subarray(SUB_AT)]);
}

function writeCursor(target: Buffer, start: number, { offset, index }: Cursor): number {
  return writeNumber(target, writeAscii(target, writeNumber(target, start, offset), COMMA), index);
}

const sameMiddle = (a: FrameHead, b: FrameHead): boolean =>
  a.partition === b.partition &&
  a.sentMs === b.sentMs &&
  a.from.offset === b.from.offset &&
  a.from.index === b.from.index &&
  a.to.offset === b.to.offset &&
  a.to.index === b.to.index &&
  a.oldestRecordMs === b.oldestRecordMs &&
  a.publishedMs === b.publishedMs;
