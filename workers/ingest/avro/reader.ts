// Steps through Avro binary from outside: every length is checked before it is believed, nothing is decoded that nobody asked
// for. Depth and work are bounded by the bytes that are there.

import { isUtf8 } from 'node:buffer';
import { MdsError } from '../../../schemas/errors.ts';

const CONTINUES = 0x80;
const MAX_VARINT_BYTES = 10;
const ASCII_END = 0x80;

export class AvroReader {
  bytes: Uint8Array = new Uint8Array();
  at = 0;
  end = 0;

  reset(bytes: Uint8Array, start: number): void {
    this.bytes = bytes;
    this.at = start;
    this.end = bytes.length;
  }

  /** An int or long. Exact within ±2^53; beyond it only its sign and size are right, which is all that is asked of it. */
  number(): number {
    const { bytes } = this;
    const first = this.at < this.end ? (bytes[this.at] ?? 0) : this.#truncated();
    if (first < CONTINUES) {
      this.at++;
      return (first >>> 1) ^ -(first & 1);
    }
    let value = 0;
    let factor = 1;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.at < this.end ? (bytes[this.at++] ?? 0) : this.#truncated();
      if (i === MAX_VARINT_BYTES - 1 && byte > 1) break;
      value += (byte & 0x7f) * factor;
      if (byte < CONTINUES) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      factor *= CONTINUES;
    }
    throw corrupt('a number has more than 64 bits');
  }

  int(): void {
    const value = this.number();
    if (value < -(2 ** 31) || value >= 2 ** 31) throw corrupt('an int has more than 32 bits');
  }

  skip(count: number): void {
    if (count > this.end - this.at) this.#truncated();
    this.at += count;
  }

  /** Length of a string or bytes, which are there. */
  length(): number {
    const length = this.number();
    if (length < 0) throw corrupt('a length is negative');
    if (length > this.end - this.at) this.#truncated();
    return length;
  }

  skipString(): void {
    const end = this.length() + this.at;
    const { bytes } = this;
    for (let i = this.at; i < end; i++) {
      if ((bytes[i] ?? 0) < ASCII_END) continue;
      if (!isUtf8(bytes.subarray(this.at, end))) throw corrupt('a string is not UTF-8');
      break;
    }
    this.at = end;
  }

  boolean(): void {
    const value = this.at < this.end ? this.bytes[this.at++] : this.#truncated();
    if (value !== 0 && value !== 1) throw corrupt(`${value} is no boolean`);
  }

  /** An index below `count`: of an enum's symbol or a union's branch. */
  index(count: number, what: string): number {
    const index = this.number();
    if (index < 0 || index >= count) throw corrupt(`${index} is no ${what}`);
    return index;
  }

  /** Items of the next block of an array or map, 0 at its end. */
  blockCount(): number {
    const count = this.number();
    if (count >= 0) return count;
    this.number(); // the block's bytes: its items are walked anyway
    return -count;
  }

  #truncated(): never {
    throw new MdsError('MDS_RECORD_TRUNCATED');
  }
}

export const corrupt = (reason: string): MdsError => new MdsError('MDS_RECORD_CORRUPT', { reason });
