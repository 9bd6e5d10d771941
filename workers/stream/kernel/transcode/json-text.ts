// Values as JSON text, written at a place where there is room: what the generated code of an event and the sink share.

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const ZERO = 0x30;
/** 1 where a byte stands for itself in a JSON string. */
const IS_PLAIN = new Uint8Array(256);
for (let byte = 0x20; byte < 0x80; byte++) IS_PLAIN[byte] = byte === QUOTE || byte === BACKSLASH ? 0 : 1;

/** A byte of a string may become \u00XX; the quotes come to it. */
export const ESCAPED_BYTES = 6;
/** No number is longer, sign, point, exponent and quotes included. */
export const NUMBER_BYTES = 32;

/**
 * Writes the UTF-8 from `start` to `end` in quotes, four bytes at a time as long as nothing must be escaped.
 *
 * @param source a view of the same bytes as `b`
 * @param view a view of the same bytes as `bytes`, which have room for `(end - start) * ESCAPED_BYTES + 2`
 * @returns the position behind; -1 when the text is not valid UTF-8
 */
export function writeString(
  b: Uint8Array,
  source: DataView,
  start: number,
  end: number,
  bytes: Uint8Array,
  view: DataView,
  position: number,
): number {
  let to = position;
  let at = start;
  bytes[to++] = QUOTE;
  for (const lastWord = end - 4; at <= lastWord; at += 4, to += 4) {
    const word = source.getInt32(at, true);
    if (!isPlainWord(word)) break;
    view.setInt32(to, word, true);
  }
  while (at < end) {
    const byte = b[at] ?? 0;
    if (IS_PLAIN[byte] === 1) {
      bytes[to++] = byte;
      at++;
    } else if (byte < 0x80) {
      to = writeEscape(bytes, to, byte);
      at++;
    } else {
      const length = sequenceLength(b, at, end);
      if (length === 0) return -1;
      for (let i = 0; i < length; i++) bytes[to++] = b[at++] ?? 0;
    }
  }
  bytes[to++] = QUOTE;
  return to;
}

/**
 * Whether all four bytes stand for themselves in a JSON string: none above 0x7f, below 0x20, a quote or a backslash.
 * Source: Sean Eron Anderson, "Bit Twiddling Hacks", determine if a word has a byte less than n, or equal to n.
 */
function isPlainWord(word: number): boolean {
  const quotes = word ^ 0x22222222;
  const backslashes = word ^ 0x5c5c5c5c;
  const special =
    word |
    ((word - 0x20202020) & ~word) |
    ((quotes - 0x01010101) & ~quotes) |
    ((backslashes - 0x01010101) & ~backslashes);
  return (special & 0x80808080) === 0;
}

const BILLION = 1e9;

/** An integer within ±(2^53-1); -0 is 0, as JSON.stringify has it. @returns the position behind */
export function writeWhole(bytes: Uint8Array, position: number, value: number): number {
  if (value < 0) {
    bytes[position] = MINUS;
    return writeWhole(bytes, position + 1, -value);
  }
  // Nine digits at a time are 32-bit arithmetic.
  if (value < BILLION) return writeDigits(bytes, position, value | 0, digitsOf(value | 0));
  const high = Math.floor(value / BILLION);
  const at = writeWhole(bytes, position, high);
  return writeDigits(bytes, at, (value - high * BILLION) | 0, 9);
}

/** Digits of 0 to 99, two bytes each. */
const PAIRS = Uint8Array.from({ length: 200 }, (_, i) => ZERO + (i % 2 === 0 ? Math.floor(i / 20) : (i >> 1) % 10));

function writeDigits(bytes: Uint8Array, position: number, value: number, count: number): number {
  const end = position + count;
  let rest = value;
  let to = end;
  for (; to - position >= 2; ) {
    const hundreds = (rest / 100) | 0;
    const pair = (rest - hundreds * 100) << 1;
    bytes[--to] = PAIRS[pair + 1] ?? 0;
    bytes[--to] = PAIRS[pair] ?? 0;
    rest = hundreds;
  }
  if (to > position) bytes[position] = ZERO + (rest % 10);
  return end;
}

/** @param value below a billion */
function digitsOf(value: number): number {
  if (value < 10_000) {
    if (value < 100) return value < 10 ? 1 : 2;
    return value < 1000 ? 3 : 4;
  }
  if (value < 1_000_000) return value < 100_000 ? 5 : 6;
  if (value < 100_000_000) return value < 10_000_000 ? 7 : 8;
  return 9;
}

const MAX_WHOLE = 2 ** 53;

/** NaN and the infinities are strings. @returns the position behind */
export function writeDouble(bytes: Uint8Array, position: number, value: number): number {
  if (value === Math.trunc(value) && value < MAX_WHOLE && value > -MAX_WHOLE) return writeWhole(bytes, position, value);
  const decimal = writeDecimal(bytes, position, value);
  if (decimal > 0) return decimal;
  return writeAscii(bytes, position, Number.isFinite(value) ? `${value}` : `"${value}"`);
}

/** A number with up to six decimals, as most measurements are, without asking for the shortest form of a double. */
function writeDecimal(bytes: Uint8Array, position: number, value: number): number {
  const millionths = Math.round(value * 1e6);
  // At most 15 digits name a double uniquely, so if these give the same double back they are its shortest form.
  if (millionths / 1e6 !== value || Math.abs(millionths) >= 1e15) return -1;
  let rest = Math.abs(millionths);
  let at = position;
  if (value < 0) bytes[at++] = MINUS;
  const whole = Math.floor(rest / 1e6);
  at = writeWhole(bytes, at, whole);
  rest -= whole * 1e6;
  bytes[at++] = 0x2e;
  for (let digit = 100_000; rest > 0; digit /= 10) {
    const count = Math.floor(rest / digit);
    bytes[at++] = ZERO + count;
    rest -= count * digit;
  }
  return at;
}

export function writeAscii(bytes: Uint8Array, position: number, text: string): number {
  for (let i = 0; i < text.length; i++) bytes[position + i] = text.charCodeAt(i);
  return position + text.length;
}

const SHORT_ESCAPES: Readonly<Record<number, string>> = {
  8: 'b',
  9: 't',
  10: 'n',
  12: 'f',
  13: 'r',
  34: '"',
  92: '\\',
};
const HEX = '0123456789abcdef';

function writeEscape(bytes: Uint8Array, position: number, byte: number): number {
  bytes[position] = BACKSLASH;
  return writeAscii(bytes, position + 1, SHORT_ESCAPES[byte] ?? `u00${HEX[byte >> 4]}${HEX[byte & 15]}`);
}

/** Bytes of the UTF-8 sequence at `p`; 0 when it is not valid. Source: the Unicode Standard, table 3-7. */
function sequenceLength(b: Uint8Array, p: number, end: number): number {
  const first = b[p] ?? 0;
  const second = p + 1 < end ? (b[p + 1] ?? 0) : 0;
  if (first < 0xc2 || first > 0xf4 || (second & 0xc0) !== 0x80) return 0;
  if (first < 0xe0) return 2;
  if (p + 2 >= end || ((b[p + 2] ?? 0) & 0xc0) !== 0x80) return 0;
  if (first < 0xf0) {
    if (first === 0xe0 && second < 0xa0) return 0;
    return first === 0xed && second > 0x9f ? 0 : 3;
  }
  if (p + 3 >= end || ((b[p + 3] ?? 0) & 0xc0) !== 0x80) return 0;
  if (first === 0xf0 && second < 0x90) return 0;
  return first === 0xf4 && second > 0x8f ? 0 : 4;
}
