// The binary `events` frames of WebSocket subprotocol mds.v1.avro; all its other messages are the JSON text of frames.ts.
// Events are the bytes that their producer wrote, behind the id of the schema they were written with. Little endian, but
// for the schema id, which stands as in a Confluent header. Runs in browsers too.
//
//   ┌ header 84 B ───────────────────────────────────────────┬ sub ───────┬ events ─────────────────────────────────┐
//   │ version u8, flags u8, sub length u16, partition u32    │ UTF-8, may │ offset f64, index u32, length u32,      │
//   │ channel 16 B, from {offset f64, index u32}, to {…}     │ be empty   │ schema id u32 BE, Avro … (length bytes) │
//   │ times 3 × f64, event count u32, frame length u32       │            │ … as many as the header says            │
//   └────────────────────────────────────────────────────────┴────────────┴─────────────────────────────────────────┘

import { MdsError } from './errors.ts';
import type { EventsFrame, WireCursor, WireEvent } from './frames.ts';

const VERSION = 1;
const FLAG_SUB = 1;
const CHANNEL_BYTES = 16;
export const AVRO_FRAME_HEADER_BYTES = 84;
export const AVRO_EVENT_HEADER_BYTES = 16;
/** Every event begins with the id of its writer's schema. */
const SCHEMA_ID_BYTES = 4;
const MAX_SUB_BYTES = 0xffff;

const AT = {
  version: 0,
  flags: 1,
  subLength: 2,
  partition: 4,
  channel: 8,
  from: 24,
  to: 36,
  times: 48,
  eventCount: 72,
  reserved: 76,
  byteLength: 80,
} as const;

/** An event as its producer wrote it. */
export interface AvroDatum {
  /** Registry id of the writer's schema; of an event in a batch record, the batch's schema, whose items are events. */
  readonly schemaId: number;
  /** Avro binary of one event, without any header. */
  readonly bytes: Uint8Array;
}

/** An `events` frame whose events' `data` are Avro. */
export type AvroEventsFrame = Omit<EventsFrame, 'events'> & {
  readonly events: readonly (WireEvent & { readonly data: AvroDatum })[];
};

export type AvroFrameHead = Omit<EventsFrame, 'type' | 'events' | 'sub'>;

/** Writes the header of a frame for everybody on the channel, at `at`. */
export function writeAvroFrameHead(
  view: DataView,
  at: number,
  { channel, partition, from, to, times }: AvroFrameHead,
  eventCount: number,
  byteLength: number,
): void {
  view.setUint8(at + AT.version, VERSION);
  view.setUint8(at + AT.flags, 0);
  view.setUint16(at + AT.subLength, 0, true);
  view.setUint32(at + AT.partition, partition, true);
  for (let i = 0; i < CHANNEL_BYTES; i += 4) {
    view.setUint32(at + AT.channel + i, Number.parseInt(channel.slice(i * 2, i * 2 + 8), 16));
  }
  writeCursor(view, at + AT.from, from);
  writeCursor(view, at + AT.to, to);
  for (let i = 0; i < times.length; i++) view.setFloat64(at + AT.times + i * 8, times[i] ?? 0, true);
  view.setUint32(at + AT.eventCount, eventCount, true);
  view.setUint32(at + AT.reserved, 0, true);
  view.setUint32(at + AT.byteLength, byteLength, true);
}

/** Writes what stands before an event's bytes. @returns where the bytes go */
export function writeAvroEventHead(view: DataView, at: number, offset: number, index: number, length: number): number {
  view.setFloat64(at, offset, true);
  view.setUint32(at + 8, index, true);
  view.setUint32(at + 12, length, true);
  return at + AVRO_EVENT_HEADER_BYTES;
}

/**
 * The same frame, addressed to one subscription.
 *
 * @param frame one without `sub`
 */
export function withSubscription(frame: Uint8Array, subscriptionId: string): Uint8Array<ArrayBuffer> {
  const sub = new TextEncoder().encode(subscriptionId);
  if (sub.length > MAX_SUB_BYTES) throw new RangeError(`a subscription id of ${sub.length} bytes`);
  const addressed = new Uint8Array(frame.length + sub.length);
  addressed.set(frame.subarray(0, AVRO_FRAME_HEADER_BYTES));
  addressed.set(sub, AVRO_FRAME_HEADER_BYTES);
  addressed.set(frame.subarray(AVRO_FRAME_HEADER_BYTES), AVRO_FRAME_HEADER_BYTES + sub.length);
  const view = new DataView(addressed.buffer);
  view.setUint8(AT.flags, FLAG_SUB);
  view.setUint16(AT.subLength, sub.length, true);
  view.setUint32(AT.byteLength, addressed.length, true);
  return addressed;
}

/**
 * Reads one binary message of an edge.
 *
 * @returns a frame whose events are views into `bytes`
 * @throws MdsError `MDS_FRAME_CORRUPT` when anything is out of range or a length points outside
 */
export function parseAvroFrame(bytes: Uint8Array): AvroEventsFrame {
  if (bytes.length < AVRO_FRAME_HEADER_BYTES) throw corrupt(`${bytes.length} bytes are less than a header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint8(AT.version) !== VERSION) throw corrupt(`version ${view.getUint8(AT.version)} is not known`);
  const flags = view.getUint8(AT.flags);
  const subLength = view.getUint16(AT.subLength, true);
  if (flags > FLAG_SUB || (flags === 0 && subLength > 0)) throw corrupt('flags are not known');
  if (view.getUint32(AT.reserved, true) !== 0) throw corrupt('reserved bytes are used');
  const byteLength = view.getUint32(AT.byteLength, true);
  if (byteLength !== bytes.length) throw corrupt(`it has ${bytes.length} bytes and claims ${byteLength}`);
  const eventsAt = AVRO_FRAME_HEADER_BYTES + subLength;
  if (eventsAt > bytes.length) throw corrupt('the subscription ends outside');
  return {
    type: 'events',
    channel: channelAt(bytes),
    ...(flags === FLAG_SUB ? { sub: textAt(bytes, AVRO_FRAME_HEADER_BYTES, eventsAt) } : {}),
    partition: view.getUint32(AT.partition, true),
    from: cursorAt(view, AT.from),
    to: cursorAt(view, AT.to),
    times: [timeAt(view, 0), timeAt(view, 1), timeAt(view, 2)],
    events: eventsOf(bytes, view, eventsAt, view.getUint32(AT.eventCount, true)),
  };
}

function eventsOf(bytes: Uint8Array, view: DataView, start: number, count: number): AvroEventsFrame['events'] {
  const events: (WireEvent & { readonly data: AvroDatum })[] = [];
  let at = start;
  for (let i = 0; i < count; i++) {
    if (at + AVRO_EVENT_HEADER_BYTES > bytes.length) throw corrupt(`event ${i} begins outside`);
    const length = view.getUint32(at + 12, true);
    const dataAt = at + AVRO_EVENT_HEADER_BYTES;
    const end = dataAt + length;
    if (length < SCHEMA_ID_BYTES || end > bytes.length) throw corrupt(`event ${i} lies outside`);
    const data = { schemaId: view.getUint32(dataAt), bytes: bytes.subarray(dataAt + SCHEMA_ID_BYTES, end) };
    events.push({ at: cursorAt(view, at), data });
    at = end;
  }
  if (at !== bytes.length) throw corrupt(`${bytes.length - at} bytes follow the last event`);
  return events;
}

function writeCursor(view: DataView, at: number, [offset, index]: WireCursor): void {
  view.setFloat64(at, offset, true);
  view.setUint32(at + 8, index, true);
}

function cursorAt(view: DataView, at: number): WireCursor {
  const offset = view.getFloat64(at, true);
  // -1 stands before the first record of a partition.
  if (!Number.isSafeInteger(offset) || offset < -1) throw corrupt('a cursor is out of range');
  return [offset, view.getUint32(at + 8, true)];
}

function timeAt(view: DataView, i: number): number {
  const time = view.getFloat64(AT.times + i * 8, true);
  if (!Number.isFinite(time)) throw corrupt('a time is not a number');
  return time;
}

function channelAt(bytes: Uint8Array): string {
  let hex = '';
  for (let i = 0; i < CHANNEL_BYTES; i++) hex += (bytes[AT.channel + i] ?? 0).toString(16).padStart(2, '0');
  return hex;
}

function textAt(bytes: Uint8Array, start: number, end: number): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(start, end));
  } catch {
    throw corrupt('the subscription is not UTF-8');
  }
}

const corrupt = (reason: string): MdsError => new MdsError('MDS_FRAME_CORRUPT', { reason });
