// Lane envelopes: everything one partition has for one edge, for a contiguous cursor range (from, to]. Little endian.
//
//   ┌ header 96 B ┬ joined × 20 B ──────┬ event index × 20 B ───────────┬ channels ─────────────┬ event bytes ┐
//   │ see HEADER  │ channel, generation │ offset, index, start, length  │ channel, n, n refs    │             │
//   └─────────────┴─────────────────────┴───────────────────────────────┴───────────────────────┴─────────────┘
//
// Ranges are contiguous for each (lane, topic, partition, epoch): a reader that sees `from` beyond its last `to` has lost
// something. The checksum covers every byte but its own, so a damaged envelope is refused whole and becomes a gap.

import { crc32 } from 'node:zlib';
import { type Cursor, compareCursors } from './cursor.ts';
import { MdsError } from './errors.ts';

const MAGIC = 0x4c53444d; // "MDSL"
const VERSION = 1;
export const HEADER_BYTES = 96;
export const JOINED_BYTES = 20;
export const EVENT_INDEX_BYTES = 20;
export const CHANNEL_ID_BYTES = 16;
export const CHANNEL_HEADER_BYTES = CHANNEL_ID_BYTES + 4;
export const REF_BYTES = 4;

const HEADER = {
  magic: 0,
  version: 4,
  kind: 5,
  flags: 6,
  topicId: 8,
  partition: 12,
  epoch: 16,
  requestId: 20,
  fromOffset: 24,
  fromIndex: 32,
  toIndex: 36,
  toOffset: 40,
  oldestRecordMs: 48,
  receivedMs: 56,
  publishedMs: 64,
  joinedCount: 72,
  eventCount: 76,
  channelCount: 80,
  byteLength: 84,
  checksum: 88,
} as const;

export type EnvelopeKind = 'live' | 'replay';

const KIND_BYTE = { live: 0, replay: 1 } as const satisfies Record<EnvelopeKind, number>;
const FLAG_LAST = 1;
const FLAG_EXPIRED = 2;
const KNOWN_FLAGS = FLAG_LAST | FLAG_EXPIRED;

export interface EnvelopeHeader {
  readonly kind: EnvelopeKind;
  readonly topicId: number;
  readonly partition: number;
  /** Epoch of the partition's owner; 0 in a replay, which needs no ownership. */
  readonly epoch: number;
  /** The edge's number of the replay this answers; 0 in a live envelope. */
  readonly requestId: number;
  readonly from: Cursor;
  readonly to: Cursor;
  /** Kafka timestamp (ms since 1970) of the oldest record with an event in here; 0 when there is none. */
  readonly oldestRecordMs: number;
  /** When the worker had the records in hand, ms since 1970. */
  readonly receivedMs: number;
  /** When the worker gave the envelope to Redis, ms since 1970. */
  readonly publishedMs: number;
  /** Replay only: no more envelopes follow for this request and partition. */
  readonly last: boolean;
  /** Replay only: Kafka no longer holds (from, to]; the envelope carries no events because they are gone. */
  readonly expired: boolean;
}

/** From the envelope's `from` on, every matching event of its partition is in this lane for this channel. */
export interface JoinedChannel {
  /** 32 hex characters. */
  readonly channel: string;
  /** The generation of the edge's interest that is answered. */
  readonly generation: number;
}

export interface EnvelopeEvent {
  readonly cursor: Cursor;
  /** UTF-8 JSON or raw Avro, as the plan's format says. */
  readonly bytes: Uint8Array;
}

export interface ChannelEvents {
  /** 32 hex characters. */
  readonly channel: string;
  /** Places in the event table, in cursor order. */
  readonly refs: ArrayLike<number>;
}

export interface Envelope extends EnvelopeHeader {
  readonly joined: readonly JoinedChannel[];
  readonly events: readonly EnvelopeEvent[];
  readonly channels: readonly ChannelEvents[];
}

/** Bytes that `writeEnvelope` will need. */
export function envelopeByteLength(envelope: Envelope): number {
  let length = HEADER_BYTES + envelope.joined.length * JOINED_BYTES + envelope.events.length * EVENT_INDEX_BYTES;
  for (const { refs } of envelope.channels) length += CHANNEL_HEADER_BYTES + refs.length * REF_BYTES;
  for (const { bytes } of envelope.events) length += bytes.length;
  return length;
}

/**
 * Writes an envelope at `position` of `target`.
 *
 * @returns the bytes written, equal to `envelopeByteLength(envelope)`
 * @throws RangeError when `target` is too short (a bug of the caller, who knows the length)
 */
export function writeEnvelope(envelope: Envelope, target: Uint8Array, position: number): number {
  const byteLength = envelopeByteLength(envelope);
  if (position + byteLength > target.length) throw new RangeError(`envelope of ${byteLength} bytes does not fit`);
  const bytes = target.subarray(position, position + byteLength);
  const view = new DataView(bytes.buffer, bytes.byteOffset, byteLength);
  const { joined, events, channels } = envelope;
  const counts = { joinedCount: joined.length, eventCount: events.length, channelCount: channels.length, byteLength };
  writeEnvelopeHeader(view, envelope, counts);
  let at = HEADER_BYTES;
  for (const { channel, generation } of envelope.joined) {
    writeChannelId(view, at, channel);
    view.setUint32(at + CHANNEL_ID_BYTES, generation, true);
    at += JOINED_BYTES;
  }
  let eventStart = byteLength;
  for (const { bytes: event } of envelope.events) eventStart -= event.length;
  for (const { cursor, bytes: event } of envelope.events) {
    writeEventIndex(view, at, cursor.offset, cursor.index, eventStart, event.length);
    bytes.set(event, eventStart);
    eventStart += event.length;
    at += EVENT_INDEX_BYTES;
  }
  for (const { channel, refs } of envelope.channels) at = writeChannel(view, at, channel, refs);
  sealEnvelope(bytes);
  return byteLength;
}

/** One entry of the event table; numbers instead of objects, for whoever writes very many. */
export function writeEventIndex(
  view: DataView,
  at: number,
  offset: number,
  index: number,
  start: number,
  length: number,
): void {
  view.setFloat64(at, offset, true);
  view.setInt32(at + 8, index, true);
  view.setUint32(at + 12, start, true);
  view.setUint32(at + 16, length, true);
}

/** Writes the checksum: the last step. @param bytes the whole envelope and nothing else */
export function sealEnvelope(bytes: Uint8Array): void {
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length).setUint32(HEADER.checksum, checksumOf(bytes), true);
}

/** One whole lane message, checked, without copies: event bytes are views, valid only while the message is. */
export interface EnvelopeView extends EnvelopeHeader {
  readonly byteLength: number;
  readonly joined: readonly JoinedChannel[];
  readonly events: readonly EnvelopeEvent[];
  readonly channels: readonly ChannelEvents[];
}

/**
 * Reads one whole lane message.
 *
 * @throws MdsError `MDS_LANE_CORRUPT` when the checksum differs or a length points outside (never reads past the end)
 */
export function readEnvelope(bytes: Uint8Array): EnvelopeView {
  const { view, header, joined, eventsAt, eventCount, channelCount } = openEnvelope(bytes);
  const reader: Reader = { view, bytes, at: eventsAt };
  const events = readEvents(reader, eventCount);
  const channels = readChannels(reader, channelCount, events.length);
  return { ...header, byteLength: bytes.length, joined, events, channels };
}

/** One lane message with its header and notices read; events and channels follow at `eventsAt`, not yet looked at. */
export interface OpenedEnvelope {
  readonly view: DataView;
  readonly header: EnvelopeHeader;
  readonly joined: readonly JoinedChannel[];
  readonly eventsAt: number;
  readonly eventCount: number;
  readonly channelCount: number;
}

/** @throws MdsError `MDS_LANE_CORRUPT` */
export function openEnvelope(bytes: Uint8Array): OpenedEnvelope {
  if (bytes.length < HEADER_BYTES) throw corrupt(`${bytes.length} bytes are less than a header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(HEADER.magic, true) !== MAGIC) throw corrupt('the magic number is wrong');
  if (view.getUint8(HEADER.version) !== VERSION) throw corrupt(`version ${view.getUint8(HEADER.version)} is not known`);
  const byteLength = view.getUint32(HEADER.byteLength, true);
  if (byteLength !== bytes.length) throw corrupt(`it has ${bytes.length} bytes and claims ${byteLength}`);
  if (view.getUint32(HEADER.checksum, true) !== checksumOf(bytes)) throw corrupt('the checksum is wrong');
  const header = readHeader(view);
  const reader: Reader = { view, bytes, at: HEADER_BYTES };
  const joined = readJoined(reader, view.getUint32(HEADER.joinedCount, true));
  const eventCount = view.getUint32(HEADER.eventCount, true);
  return {
    view,
    header,
    joined,
    eventsAt: reader.at,
    eventCount,
    channelCount: view.getUint32(HEADER.channelCount, true),
  };
}

interface Reader {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  at: number;
}

export interface EnvelopeCounts {
  readonly joinedCount: number;
  readonly eventCount: number;
  readonly channelCount: number;
  /** Of the whole envelope. */
  readonly byteLength: number;
}

/** @param view begins where the envelope does; the parts behind the header and `sealEnvelope` are the caller's */
export function writeEnvelopeHeader(view: DataView, envelope: EnvelopeHeader, counts: EnvelopeCounts): void {
  view.setUint32(HEADER.magic, MAGIC, true);
  view.setUint8(HEADER.version, VERSION);
  view.setUint8(HEADER.kind, KIND_BYTE[envelope.kind]);
  view.setUint16(HEADER.flags, (envelope.last ? FLAG_LAST : 0) | (envelope.expired ? FLAG_EXPIRED : 0), true);
  view.setUint32(HEADER.topicId, envelope.topicId, true);
  view.setUint32(HEADER.partition, envelope.partition, true);
  view.setUint32(HEADER.epoch, envelope.epoch, true);
  view.setUint32(HEADER.requestId, envelope.requestId, true);
  view.setFloat64(HEADER.fromOffset, envelope.from.offset, true);
  view.setInt32(HEADER.fromIndex, envelope.from.index, true);
  view.setInt32(HEADER.toIndex, envelope.to.index, true);
  view.setFloat64(HEADER.toOffset, envelope.to.offset, true);
  view.setFloat64(HEADER.oldestRecordMs, envelope.oldestRecordMs, true);
  view.setFloat64(HEADER.receivedMs, envelope.receivedMs, true);
  view.setFloat64(HEADER.publishedMs, envelope.publishedMs, true);
  view.setUint32(HEADER.joinedCount, counts.joinedCount, true);
  view.setUint32(HEADER.eventCount, counts.eventCount, true);
  view.setUint32(HEADER.channelCount, counts.channelCount, true);
  view.setUint32(HEADER.byteLength, counts.byteLength, true);
  view.setUint32(HEADER.checksum, 0, true);
  view.setUint32(HEADER.checksum + 4, 0, true);
}

function readHeader(view: DataView): EnvelopeHeader {
  const kindByte = view.getUint8(HEADER.kind);
  const flags = view.getUint16(HEADER.flags, true);
  if (kindByte > 1 || (flags & ~KNOWN_FLAGS) !== 0) throw corrupt('kind or flags are not known');
  const from = readCursor(view, HEADER.fromOffset, HEADER.fromIndex);
  const to = readCursor(view, HEADER.toOffset, HEADER.toIndex);
  if (compareCursors(from, to) > 0) throw corrupt('the range ends before it begins');
  const oldestRecordMs = view.getFloat64(HEADER.oldestRecordMs, true);
  const receivedMs = view.getFloat64(HEADER.receivedMs, true);
  const publishedMs = view.getFloat64(HEADER.publishedMs, true);
  if (!Number.isFinite(oldestRecordMs + receivedMs + publishedMs)) throw corrupt('a time is not a number');
  return {
    kind: kindByte === KIND_BYTE.live ? 'live' : 'replay',
    topicId: view.getUint32(HEADER.topicId, true),
    partition: view.getUint32(HEADER.partition, true),
    epoch: view.getUint32(HEADER.epoch, true),
    requestId: view.getUint32(HEADER.requestId, true),
    from,
    to,
    oldestRecordMs,
    receivedMs,
    publishedMs,
    last: (flags & FLAG_LAST) !== 0,
    expired: (flags & FLAG_EXPIRED) !== 0,
  };
}

function readCursor(view: DataView, offsetAt: number, indexAt: number): Cursor {
  const offset = view.getFloat64(offsetAt, true);
  const index = view.getInt32(indexAt, true);
  // -1: the range that begins before the first record of a partition.
  if (!Number.isSafeInteger(offset) || offset < -1 || index < 0) throw corrupt('a cursor is out of range');
  return { offset, index };
}

/** Moves the reader over `count` entries of `entryBytes` each. @returns where the first begins */
function take(reader: Reader, count: number, entryBytes: number): number {
  const start = reader.at;
  const end = start + count * entryBytes;
  if (end > reader.bytes.length) throw corrupt(`${count} entries end outside`);
  reader.at = end;
  return start;
}

function readJoined(reader: Reader, count: number): JoinedChannel[] {
  const start = take(reader, count, JOINED_BYTES);
  const joined: JoinedChannel[] = [];
  for (let i = 0, at = start; i < count; i++, at += JOINED_BYTES) {
    const channel = readChannelId(reader.bytes, at);
    joined.push({ channel, generation: reader.view.getUint32(at + CHANNEL_ID_BYTES, true) });
  }
  return joined;
}

function readEvents(reader: Reader, count: number): EnvelopeEvent[] {
  const { view, bytes } = reader;
  const start = take(reader, count, EVENT_INDEX_BYTES);
  const events: EnvelopeEvent[] = [];
  for (let i = 0, at = start; i < count; i++, at += EVENT_INDEX_BYTES) {
    const eventStart = view.getUint32(at + 12, true);
    const eventEnd = eventStart + view.getUint32(at + 16, true);
    if (eventStart < reader.at || eventEnd > bytes.length) throw corrupt(`event ${i} lies outside`);
    events.push({ cursor: readCursor(view, at, at + 8), bytes: bytes.subarray(eventStart, eventEnd) });
  }
  return events;
}

function readChannels(reader: Reader, count: number, eventCount: number): ChannelEvents[] {
  const channels: ChannelEvents[] = [];
  for (let i = 0; i < count; i++) {
    const at = take(reader, 1, CHANNEL_HEADER_BYTES);
    const refCount = reader.view.getUint32(at + CHANNEL_ID_BYTES, true);
    const refsAt = take(reader, refCount, REF_BYTES);
    const refs = new Uint32Array(refCount);
    for (let ref = 0; ref < refCount; ref++) {
      const place = reader.view.getUint32(refsAt + ref * REF_BYTES, true);
      if (place >= eventCount) throw corrupt(`channel ${i} refers to event ${place} of ${eventCount}`);
      refs[ref] = place;
    }
    channels.push({ channel: readChannelId(reader.bytes, at), refs });
  }
  return channels;
}

function writeChannel(view: DataView, at: number, channel: string, refs: ArrayLike<number>): number {
  writeChannelId(view, at, channel);
  view.setUint32(at + CHANNEL_ID_BYTES, refs.length, true);
  let next = at + CHANNEL_HEADER_BYTES;
  for (let i = 0; i < refs.length; i++, next += REF_BYTES) view.setUint32(next, refs[i] ?? 0, true);
  return next;
}

function writeChannelId(view: DataView, at: number, channel: string): void {
  for (let i = 0; i < CHANNEL_ID_BYTES; i += 4) {
    view.setUint32(at + i, Number.parseInt(channel.slice(i * 2, i * 2 + 8), 16));
  }
}

function readChannelId(bytes: Uint8Array, at: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, CHANNEL_ID_BYTES).toString('hex');
}

function checksumOf(bytes: Uint8Array): number {
  const before = crc32(bytes.subarray(0, HEADER.checksum));
  return crc32(bytes.subarray(HEADER.checksum + 4), before);
}

export const corrupt = (reason: string): MdsError => new MdsError('MDS_LANE_CORRUPT', { reason });
