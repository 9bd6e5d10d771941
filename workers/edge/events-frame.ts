// Builds `events` frames as bytes. Event bytes are gathered as they came from the worker, never parsed: the JSON around
// them is the only text made here. A frame is built once and sent to everybody on the channel.
//
//   {"type":"events","channel":"<32 hex>" │ ,"sub":"…" │ ,"partition":…,"from":…,"to":…,"times":…,"events":[…]}
//    └ SUB_AT bytes, always ──────────────┘ └ optional ┘

import type { Cursor } from '../../schemas/cursor.ts';
import type { EnvelopeEvent } from '../../schemas/lane-envelope.ts';

const HEAD = '{"type":"events","channel":"';
const CHANNEL_CHARS = 32;
/** Where a frame of a channel becomes a frame of one subscription by insertion of `sub`. */
const SUB_AT = HEAD.length + CHANNEL_CHARS + 1;

export interface EventsRange {
  readonly channel: string;
  readonly partition: number;
  /** Exclusive. */
  readonly from: Cursor;
  readonly to: Cursor;
  readonly oldestRecordMs: number;
  readonly publishedMs: number;
  readonly sentMs: number;
}

/** One frame as bytes, with what those who hold or count it need to know. */
export interface BuiltFrame {
  readonly bytes: Buffer;
  readonly partition: number;
  readonly to: Cursor;
  readonly eventCount: number;
}

/**
 * Builds the frames of one channel and range: as many as needed to keep each near `maxEventBytes`. Their ranges touch,
 * and the last one ends at `range.to`.
 *
 * @param events in cursor order, all inside the range; none: no frame
 */
export function buildEventsFrames(
  range: EventsRange,
  events: readonly EnvelopeEvent[],
  maxEventBytes: number,
): BuiltFrame[] {
  const frames: BuiltFrame[] = [];
  let from = range.from;
  let start = 0;
  while (start < events.length) {
    const end = endOfFrame(events, start, maxEventBytes);
    const isLast = end === events.length;
    const to = isLast ? range.to : (events[end - 1]?.cursor ?? range.to);
    frames.push(buildFrame({ ...range, from, to }, events.slice(start, end)));
    from = to;
    start = end;
  }
  return frames;
}

/** The same frame, addressed to one subscription only. */
export function addressedTo(frame: BuiltFrame, subscriptionId: string): Buffer {
  const sub = Buffer.from(`,"sub":${JSON.stringify(subscriptionId)}`);
  return Buffer.concat([frame.bytes.subarray(0, SUB_AT), sub, frame.bytes.subarray(SUB_AT)]);
}

/** @returns the index behind the last event of the frame that begins at `start`; a frame has at least one event */
function endOfFrame(events: readonly EnvelopeEvent[], start: number, maxEventBytes: number): number {
  let bytes = 0;
  let end = start;
  for (; end < events.length; end++) {
    bytes += events[end]?.bytes.length ?? 0;
    if (bytes > maxEventBytes && end > start) break;
  }
  return end;
}

const cursorText = ({ offset, index }: Cursor): string => `[${offset},${index}]`;

function buildFrame(range: EventsRange, events: readonly EnvelopeEvent[]): BuiltFrame {
  const { channel, partition, from, to } = range;
  const times = `[${range.oldestRecordMs},${range.publishedMs},${range.sentMs}]`;
  const head = `${HEAD}${channel}","partition":${partition},"from":${cursorText(from)},"to":${cursorText(to)},"times":${times},"events":[`;
  const separators: string[] = [];
  let length = head.length + 2;
  for (let i = 0; i < events.length; i++) {
    const event = events[i];
    if (!event) continue;
    const separator = `${i === 0 ? '' : '},'}{"at":${cursorText(event.cursor)},"data":`;
    separators.push(separator);
    length += separator.length + event.bytes.length;
  }
  length += events.length > 0 ? 1 : 0;
  const bytes = Buffer.allocUnsafe(length);
  let at = bytes.write(head, 0, 'latin1');
  for (let i = 0; i < events.length; i++) {
    at += bytes.write(separators[i] ?? '', at, 'latin1');
    const event = events[i];
    if (!event) continue;
    bytes.set(event.bytes, at);
    at += event.bytes.length;
  }
  bytes.write(events.length > 0 ? '}]}' : ']}', at, 'latin1');
  return { bytes, partition, to, eventCount: events.length };
}
