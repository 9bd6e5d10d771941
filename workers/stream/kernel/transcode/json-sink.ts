// JSON text as UTF-8 bytes, written at the end of a buffer that grows. Values come from Avro bytes that a scanner has
// walked; their form is that of schemas/plan/json-writer.ts, and property tests hold the two against each other.

import { bigLongAt, isExactLong, longAt } from '../scan/values.ts';
import { ESCAPED_BYTES, NUMBER_BYTES, writeAscii, writeDouble, writeString, writeWhole } from './json-text.ts';

const QUOTE = 0x22;
const BASE64 = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const MIN_BYTES = 65_536;

/** Constant text, cut into words so that it is written four bytes at a time. */
export interface PlainText {
  readonly words: Int32Array;
  readonly length: number;
}

export function plainText(text: string | Uint8Array): PlainText {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return { words: new Int32Array(padded.buffer), length: bytes.length };
}

/** What a word may be written beyond the end: it is overwritten by what follows. */
const SLACK_BYTES = 4;

export class JsonSink {
  bytes = new Uint8Array(MIN_BYTES);
  view = new DataView(this.bytes.buffer);
  /** One behind the last byte written. */
  end = 0;
  #source: DataView = this.view;
  #sourceBytes: Uint8Array = this.bytes;

  /** Begins anew. @param expectedBytes a buffer that grew far beyond it, for a giant record, is given up */
  reset(expectedBytes: number): void {
    this.end = 0;
    if (this.bytes.length > expectedBytes * 4 + MIN_BYTES) this.#hold(new Uint8Array(expectedBytes + MIN_BYTES));
  }

  /** A view of the bytes that values are taken from. */
  sourceOf(b: Uint8Array): DataView {
    if (this.#sourceBytes !== b) {
      this.#sourceBytes = b;
      this.#source = new DataView(b.buffer, b.byteOffset, b.length);
    }
    return this.#source;
  }

  /** Makes room; `bytes` and `view` may be others afterwards. */
  need(count: number): void {
    if (this.end + count + SLACK_BYTES > this.bytes.length) this.#grow(this.end + count + SLACK_BYTES);
  }

  plain({ words, length }: PlainText): void {
    this.need(length);
    const { view } = this;
    let at = this.end;
    for (let i = 0; i < words.length; i++, at += 4) view.setInt32(at, words[i] ?? 0, true);
    this.end += length;
  }

  byte(byte: number): void {
    this.need(1);
    this.bytes[this.end++] = byte;
  }

  /** Bytes as they are. */
  raw(b: Uint8Array, start: number, end: number): void {
    this.need(end - start);
    this.bytes.set(b.subarray(start, end), this.end);
    this.end += end - start;
  }

  /** UTF-8 from `start` to `end` in quotes; invalid bytes become U+FFFD. */
  string(b: Uint8Array, start: number, end: number): void {
    this.need((end - start) * ESCAPED_BYTES + 2);
    const behind = writeString(b, this.sourceOf(b), start, end, this.bytes, this.view, this.end);
    if (behind < 0) this.#decoded(b, start, end);
    else this.end = behind;
  }

  int(value: number): void {
    this.need(NUMBER_BYTES);
    this.end = writeWhole(this.bytes, this.end, value);
  }

  /** Beyond ±(2^53-1) a string of digits. */
  long(b: Uint8Array, p: number): void {
    const value = longAt(b, p);
    this.need(NUMBER_BYTES);
    if (isExactLong(value)) this.end = writeWhole(this.bytes, this.end, value);
    else this.end = writeAscii(this.bytes, this.end, `"${bigLongAt(b, p)}"`);
  }

  double(value: number): void {
    this.need(NUMBER_BYTES);
    this.end = writeDouble(this.bytes, this.end, value);
  }

  base64(b: Uint8Array, start: number, end: number): void {
    this.need(Math.ceil((end - start) / 3) * 4 + 2);
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
    this.need(json.length);
    this.bytes.set(json, this.end);
    this.end += json.length;
  }

  #grow(needed: number): void {
    const longer = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    longer.set(this.bytes.subarray(0, this.end));
    this.#hold(longer);
  }

  #hold(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}
