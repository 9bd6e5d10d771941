// Values out of bytes that a scanner has walked: nothing is checked here, because nothing unchecked comes here.

/** An int, or an index: a zigzag varint of at most 32 bits. */
export function intAt(b: Uint8Array, p: number): number {
  let byte = b[p] ?? 0;
  if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
  let raw = byte & 0x7f;
  for (let shift = 7, at = p + 1; byte >= 0x80; shift += 7, at++) {
    byte = b[at] ?? 0;
    raw |= (byte & 0x7f) << shift;
  }
  return (raw >>> 1) ^ -(raw & 1);
}

/** A long as the nearest number; exact within ±(2^53-1). */
export function longAt(b: Uint8Array, p: number): number {
  const first = b[p] ?? 0;
  if (first < 0x80) return (first >>> 1) ^ -(first & 1);
  // The raw varint in two halves: 28 bits below, up to 36 above.
  let low = 0;
  let high = 0;
  let byte = first;
  let at = p;
  for (let shift = 0; shift < 28; shift += 7) {
    low |= (byte & 0x7f) << shift;
    if (byte < 0x80) return (low >>> 1) ^ -(low & 1);
    byte = b[++at] ?? 0;
  }
  for (let scale = 1; ; scale *= 128) {
    high += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
    byte = b[++at] ?? 0;
  }
  // Zigzag: the lowest bit is the sign, the rest the magnitude. high × 2^27 is exact, so there is one rounding, at the sum.
  return low & 1 ? -(high * 0x8000000 + ((low >>> 1) + 1)) : high * 0x8000000 + (low >>> 1);
}

/** A long with all its bits. */
export function bigLongAt(b: Uint8Array, p: number): bigint {
  let raw = 0n;
  let shift = 0n;
  for (let at = p; ; at++, shift += 7n) {
    const byte = b[at] ?? 0;
    raw |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return (raw >> 1n) ^ -(raw & 1n);
}

/** The position behind a varint. */
export function behindVarint(b: Uint8Array, p: number): number {
  let at = p;
  while ((b[at++] ?? 0) >= 0x80);
  return at;
}

const DOUBLES = new Float64Array(1);
const FLOATS = new Float32Array(DOUBLES.buffer);
const WORDS = new Uint32Array(DOUBLES.buffer);
// Words are written in the machine's own order: little endian everywhere Node runs with our native modules.
const wordAt = (b: Uint8Array, p: number): number =>
  (b[p] ?? 0) | ((b[p + 1] ?? 0) << 8) | ((b[p + 2] ?? 0) << 16) | ((b[p + 3] ?? 0) << 24);

export function doubleAt(b: Uint8Array, p: number): number {
  WORDS[0] = wordAt(b, p);
  WORDS[1] = wordAt(b, p + 4);
  return DOUBLES[0] ?? 0;
}

export function floatAt(b: Uint8Array, p: number): number {
  WORDS[0] = wordAt(b, p);
  return FLOATS[0] ?? 0;
}

/** Whether a long, as `longAt` gives it, is exact. */
export const isExactLong = (value: number): boolean => value < 2 ** 53 && value > -(2 ** 53);
