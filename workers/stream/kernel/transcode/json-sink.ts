// JSON text as UTF-8 bytes, written at the end of a buffer that grows. Values come from Avro bytes that a scanner has
// walked; their form is that of schemas/plan/json-writer.ts, and property tests hold the two against each other.

import { bigLongAt, isExactLong, longAt } from '../scan/values.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** 1 where a byte stands for itself in a JSON string. */
const IS_PLAIN = new Uint8Array(256);
for (let byte = 0x20; byte < 0x80; byte++) IS_PLAIN[byte] = byte === QUOTE || byte === BACKSLASH ? 0 : 1;
/** A byte may become \u00XX. */
const ESCAPED_BYTES = 6;
const NUMBER_BYTES = 32;
const BASE64 = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const MIN_BYTES = 65_536;

/** Constant text, cut into words so that it is written four bytes at a time. */
export interface PlainText {
  readonly words: Uint32Array;
  readonly length: number;
}

export function plainText(text: string | Uint8Array): PlainText {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return { words: new Uint32Array(padded.buffer), length: bytes.length };
}

/** What a word may be written beyond the end: it is overwritten by what follows. */
const SLACK_BYTES = 4;

export class JsonSink {
  bytes = new Uint8Array(MIN_BYTES);
  #view = new DataView(this.bytes.buffer);
  /** One behind the last byte written. */
  end = 0;

  /** Begins anew. @param expectedBytes a buffer that grew far beyond it, for a giant record, is given up */
  reset(expectedBytes: number): void {
    this.end = 0;
    if (this.bytes.length > expectedBytes * 4 + MIN_BYTES) this.#hold(new Uint8Array(expectedBytes + MIN_BYTES));
  }

  plain({ words, length }: PlainText): void {
    this.#need(length);
    const view = this.#view;
    let at = this.end;
    for (let i = 0; i < words.length; i++, at += 4) view.setUint32(at, words[i] ?? 0, true);
    this.end += length;
  }

  byte(byte: number): void {
    this.#need(1);
    this.bytes[this.end++] = byte;
  }

  /** Bytes as they are. */
  raw(b: Uint8Array, start: number, end: number): void {
    this.#need(end - start);
    this.bytes.set(b.subarray(start, end), this.end);
    this.end += end - start;
  }

  /** UTF-8 from `start` to `end` in quotes; invalid bytes become U+FFFD. */
  string(b: Uint8Array, start: number, end: number): void {
    this.#need((end - start) * ESCAPED_BYTES + 2);
    const { bytes } = this;
    const before = this.end;
    let to = before;
    bytes[to++] = QUOTE;
    let at = start;
    const view = this.#view;
    for (const lastWord = end - 4; at <= lastWord; at += 4, to += 4) {
      const word = (b[at] ?? 0) | ((b[at + 1] ?? 0) << 8) | ((b[at + 2] ?? 0) << 16) | ((b[at + 3] ?? 0) << 24);
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
        if (length === 0) {
          this.end = before;
          this.#decoded(b, start, end);
          return;
        }
        for (let i = 0; i < length; i++) bytes[to++] = b[at++] ?? 0;
      }
    }
    bytes[to++] = QUOTE;
    this.end = to;
  }

  int(value: number): void {
    this.#need(NUMBER_BYTES);
    this.#whole(value);
  }

  /** Beyond ±(2^53-1) a string of digits. */
  long(b: Uint8Array, p: number): void {
    const value = longAt(b, p);
    this.#need(NUMBER_BYTES);
    if (isExactLong(value)) this.#whole(value);
    else this.#ascii(`"${bigLongAt(b, p)}"`);
  }

  /** NaN and the infinities are strings. */
  double(value: number): void {
    this.#need(NUMBER_BYTES);
    if (value === Math.trunc(value) && isExactLong(value)) this.#whole(value);
    else if (!Number.isFinite(value)) this.#ascii(`"${value}"`);
    else if (!this.#decimal(value)) this.#ascii(`${value}`);
  }

  base64(b: Uint8Array, start: number, end: number): void {
    this.#need(Math.ceil((end - start) / 3) * 4 + 2);
    const { bytes } = this;
    let to = this.end;
    bytes[to++] = QUOTE;
    for (let at = start; at < end; at += 3) {
      const left = end - at;
      const bits = ((b[at] ?? 0) << 16) | (left > 1 ? (b[at + 1] ?? 0) << 8 : 0) | (left > 2 ? (b[at + 2] ?? 0) : 0);
      bytes[to++] = BASE64[bits >> 18] ?? 0;
      bytes[to++] = BASE64[(bits >> 12) & 63] ?? 0;
      bytes[to++] = left > 1 ? (BASE64[(bits >> 6) & 63] ?? 0) : 0x3d;
      bytes[to++] = left > 2 ? (BASE64[bits & 63] ?? 0) : 0x3d;
    }
    bytes[to++] = QUOTE;
    this.end = to;
  }

  #decoded(b: Uint8Array, start: number, end: number): void {
    const text = Buffer.from(b.buffer, b.byteOffset + start, end - start).toString('utf8');
    const json = Buffer.from(JSON.stringify(text), 'utf8');
    this.#need(json.length);
    this.bytes.set(json, this.end);
    this.end += json.length;
  }

  /** A number with up to six decimals, as most measurements are, without asking for the shortest form of a double. */
  #decimal(value: number): boolean {
    const millionths = Math.round(value * 1e6);
    // At most 15 digits name a double uniquely, so if these give the same double back they are its shortest form.
    if (millionths / 1e6 !== value || Math.abs(millionths) >= 1e15) return false;
    let rest = Math.abs(millionths);
    if (value < 0) this.bytes[this.end++] = 0x2d;
    const whole = Math.floor(rest / 1e6);
    this.#whole(whole);
    rest -= whole * 1e6;
    this.bytes[this.end++] = 0x2e;
    for (let digit = 100_000; rest > 0; digit /= 10) {
      const count = Math.floor(rest / digit);
      this.bytes[this.end++] = 0x30 + count;
      rest -= count * digit;
    }
    return true;
  }

  /** An integer within ±(2^53-1); -0 is 0, as JSON.stringify has it. */
  #whole(value: number): void {
    const { bytes } = this;
    let at = this.end;
    let rest = value;
    if (rest < 0) {
      bytes[at++] = 0x2d;
      rest = -rest;
    }
    const length = digitsOf(rest);
    let to = at + length;
    this.end = to;
    // Nine digits at a time are 32-bit arithmetic.
    while (rest >= 1e9) {
      const high = Math.floor(rest / 1e9);
      let low = (rest - high * 1e9) | 0;
      for (let i = 0; i < 9; i++) {
        const tenth = (low / 10) | 0;
        bytes[--to] = 0x30 + (low - tenth * 10);
        low = tenth;
      }
      rest = high;
    }
    let small = rest | 0;
    while (to > at) {
      const tenth = (small / 10) | 0;
      bytes[--to] = 0x30 + (small - tenth * 10);
      small = tenth;
    }
  }

  #ascii(text: string): void {
    for (let i = 0; i < text.length; i++) this.bytes[this.end++] = text.charCodeAt(i);
  }

  #need(count: number): void {
    if (this.end + count + SLACK_BYTES > this.bytes.length) this.#grow(this.end + count + SLACK_BYTES);
  }

  #grow(needed: number): void {
    const longer = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    longer.set(this.bytes.subarray(0, this.end));
    this.#hold(longer);
  }

  #hold(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
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

function digitsOf(value: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits++;
  return digits;
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

function writeEscape(bytes: Uint8Array, at: number, byte: number): number {
  let to = at;
  bytes[to++] = BACKSLASH;
  const short = SHORT_ESCAPES[byte];
  const code = short ?? `u00${HEX[byte >> 4]}${HEX[byte & 15]}`;
  for (let i = 0; i < code.length; i++) bytes[to++] = code.charCodeAt(i);
  return to;
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
