// The resume token: a subscription's position as one opaque string that a client may keep anywhere and give back later.
// Runs in browsers too.
//
//   base64url( version u8 │ topicId varint │ n varint │ n × (partition, offset + 1, index: varints) │ crc32 u32 )

import { type Cursor, END_OF_RECORD, type Position } from './cursor.ts';
import { MdsError } from './errors.ts';

const VERSION = 1;
const CHECKSUM_BYTES = 4;
/** 10,000 partitions at their longest encoding stay below this; anything longer is refused unread. */
const MAX_TOKEN_CHARS = 262_144;
const MAX_VARINT = Number.MAX_SAFE_INTEGER;

export interface ResumePoint {
  readonly topicId: number;
  readonly position: Position;
}

export function encodeResumeToken(point: ResumePoint): string {
  const bytes: number[] = [VERSION];
  pushVarint(bytes, point.topicId);
  pushVarint(bytes, point.position.size);
  for (const [partition, cursor] of [...point.position].sort(([a], [b]) => a - b)) {
    pushVarint(bytes, partition);
    pushVarint(bytes, cursor.offset + 1);
    pushVarint(bytes, cursor.index);
  }
  const checksum = crc32(bytes, bytes.length);
  for (let shift = 0; shift < 32; shift += 8) bytes.push((checksum >>> shift) & 0xff);
  return toBase64Url(bytes);
}

/**
 * @param token what `encodeResumeToken` made
 * @throws MdsError `MDS_TOKEN_CORRUPT` for anything else
 */
export function decodeResumeToken(token: string): ResumePoint {
  if (token.length > MAX_TOKEN_CHARS) throw corrupt('it is too long');
  const bytes = fromBase64Url(token);
  const end = bytes.length - CHECKSUM_BYTES;
  if (end < 3) throw corrupt('it is too short');
  let checksum = 0;
  for (let i = 0; i < CHECKSUM_BYTES; i++) checksum |= (bytes[end + i] ?? 0) << (i * 8);
  if (checksum >>> 0 !== crc32(bytes, end)) throw corrupt('the checksum is wrong');
  if (bytes[0] !== VERSION) throw corrupt(`version ${bytes[0]} is not known`);
  const reader = { bytes, at: 1, end };
  const topicId = readVarint(reader);
  const count = readVarint(reader);
  const position = new Map<number, Cursor>();
  for (let i = 0; i < count; i++) {
    const partition = readVarint(reader);
    if (position.has(partition)) throw corrupt(`partition ${partition} stands twice`);
    const cursor = { offset: readVarint(reader) - 1, index: readVarint(reader) };
    if (cursor.index > END_OF_RECORD) throw corrupt('a cursor is out of range');
    position.set(partition, cursor);
  }
  if (reader.at !== end) throw corrupt('bytes are left over');
  return { topicId, position };
}

function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
}

function readVarint(reader: { readonly bytes: Uint8Array; at: number; readonly end: number }): number {
  let value = 0;
  for (let scale = 1; scale <= MAX_VARINT; scale *= 0x80) {
    if (reader.at >= reader.end) throw corrupt('it ends in the middle of a number');
    const byte = reader.bytes[reader.at++] ?? 0;
    value += (byte & 0x7f) * scale;
    if (value > MAX_VARINT) break;
    if (byte < 0x80) return value;
  }
  throw corrupt('a number is too large');
}

const BASE64URL = /^[A-Za-z0-9_-]*$/;

function toBase64Url(bytes: readonly number[] | Uint8Array): string {
  const chunks: string[] = [];
  for (let i = 0; i < bytes.length; i += 8192) chunks.push(String.fromCharCode(...bytes.slice(i, i + 8192)));
  return btoa(chunks.join('')).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function fromBase64Url(text: string): Uint8Array {
  if (!BASE64URL.test(text) || text.length % 4 === 1) throw corrupt('it is not base64url');
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  // atob ignores the bits left over in the last character: without this several texts would be one token.
  if (toBase64Url(bytes) !== text) throw corrupt('it is not base64url');
  return bytes;
}

/** CRC-32 (ISO 3309), bit by bit: tokens are short and this file must run where there is no zlib. */
function crc32(bytes: ArrayLike<number>, length: number): number {
  let crc = 0xffffffff;
  for (let i = 0; i < length; i++) {
    crc ^= bytes[i] ?? 0;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

const corrupt = (reason: string): MdsError => new MdsError('MDS_TOKEN_CORRUPT', { reason });
