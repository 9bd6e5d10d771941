// Ids and places of events as one argument of a script: a command with thousands of arguments costs ioredis and Redis several
// times what is in them. Two arrays in MessagePack, which Redis' Lua reads by itself. Source: msgpack/spec.md.

import type { TakenEvent } from './dedupe-window.ts';

const ARRAY_16 = 0xdc;
const STRING_32 = 0xdb;
const UINT_32 = 0xce;
/** Of an array, and of a string or number. */
const ARRAY_HEADER_BYTES = 3;
const VALUE_HEADER_BYTES = 5;
/** UTF-8 of a UTF-16 unit. */
const MAX_UNIT_BYTES = 3;

/** @param end at most 65,535 behind `from` */
export function packedEvents(events: readonly TakenEvent[], from: number, end: number): Buffer {
  let bytes = 2 * ARRAY_HEADER_BYTES;
  for (let i = from; i < end; i++) bytes += 2 * VALUE_HEADER_BYTES + (events[i]?.eventId?.length ?? 0) * MAX_UNIT_BYTES;
  const packed = Buffer.allocUnsafe(bytes);
  let at = arrayHeader(packed, 0, end - from);
  for (let i = from; i < end; i++) {
    const length = packed.write(events[i]?.eventId ?? '', at + VALUE_HEADER_BYTES, 'utf8');
    packed[at] = STRING_32;
    packed.writeUInt32BE(length, at + 1);
    at += VALUE_HEADER_BYTES + length;
  }
  at = arrayHeader(packed, at, end - from);
  for (let i = from; i < end; i++) {
    packed[at] = UINT_32;
    at = packed.writeUInt32BE(events[i]?.index ?? 0, at + 1);
  }
  return packed.subarray(0, at);
}

function arrayHeader(packed: Buffer, at: number, count: number): number {
  packed[at] = ARRAY_16;
  return packed.writeUInt16BE(count, at + 1);
}
