// The parts of a scanner that are not generated: varints that are longer than a byte, and everything that makes a record a
// reject. All that comes from a record passes through here or through the bounds check behind each step of the generated
// code, so that no length, count or index leads outside the record.

import { MdsError } from '../../../../schemas/errors.ts';

/** Deepest nesting of values. Schemas nest 64 at most; recursive ones (trees) rarely pass ten. */
export const MAX_DEPTH = 128;
/** Items that take no bytes (nulls, empty records) cost time for nothing: more than this in a record is an attack. */
const MAX_EMPTY_ITEMS = 65_536;
/** A long is 64 bits, so its varint has ten bytes at most; an int five. */
const MAX_LONG_BYTES = 10;
const MAX_INT_BYTES = 5;
/** The tenth byte of a long holds one bit, the fifth of an int four. */
const LAST_LONG_BYTE = 1;
const LAST_INT_BYTE = 15;

const corrupt = (reason: string): MdsError => new MdsError('MDS_RECORD_CORRUPT', { reason });

/** Reads what must be checked. `next` is where the value that was read last has ended: a second result without an object. */
export class CheckedReader {
  next = 0;
  #emptyItems = 0;

  /** Called before each record. */
  reset(): void {
    this.#emptyItems = 0;
  }

  /** @returns the position behind an int that begins at `p` */
  int(b: Uint8Array, p: number, end: number): number {
    return endOfVarint(b, p, end, MAX_INT_BYTES, LAST_INT_BYTE);
  }

  long(b: Uint8Array, p: number, end: number): number {
    return endOfVarint(b, p, end, MAX_LONG_BYTES, LAST_LONG_BYTE);
  }

  /** The length of a string, bytes or a block: never more than what is left. */
  length(b: Uint8Array, p: number, end: number): number {
    const length = this.number(b, p, end);
    if (length < 0) throw corrupt('a length is negative');
    if (length > end - this.next) throw new MdsError('MDS_RECORD_TRUNCATED');
    return length;
  }

  /** A long as the nearest number: what lies beyond 2^53 is refused by its use as a length, count or index. */
  number(b: Uint8Array, p: number, end: number): number {
    this.next = this.long(b, p, end);
    let value = 0;
    for (let at = this.next - 1; at >= p; at--) value = value * 128 + ((b[at] ?? 0) & 0x7f);
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  truncated(): never {
    throw new MdsError('MDS_RECORD_TRUNCATED');
  }

  trailing(count: number): never {
    throw new MdsError('MDS_RECORD_TRAILING_BYTES', { count });
  }

  notBoolean(b: Uint8Array, p: number, end: number): never {
    if (p >= end) throw new MdsError('MDS_RECORD_TRUNCATED');
    throw corrupt(`${b[p]} is not a boolean`);
  }

  notBranch(index: number, count: number): never {
    throw corrupt(`${index} is not a branch of a union of ${count}`);
  }

  notSymbol(index: number, name: string): never {
    throw corrupt(`${index} is not a symbol of enum ${name}`);
  }

  wrongBlock(): never {
    throw corrupt('a block is not as long as it says');
  }

  tooDeep(): never {
    throw corrupt(`it nests more than ${MAX_DEPTH} levels deep`);
  }

  emptyItem(): void {
    if (++this.#emptyItems > MAX_EMPTY_ITEMS) {
      throw corrupt(`it claims more than ${MAX_EMPTY_ITEMS} items without content`);
    }
  }
}

function endOfVarint(b: Uint8Array, p: number, end: number, maxBytes: number, lastByte: number): number {
  for (let i = 0; i < maxBytes; i++) {
    if (p + i >= end) throw new MdsError('MDS_RECORD_TRUNCATED');
    const byte = b[p + i] ?? 0;
    if (i === maxBytes - 1 && byte > lastByte) {
      throw corrupt(byte < 0x80 ? 'a number has too many bits' : 'a number has too many bytes');
    }
    if (byte < 0x80) return p + i + 1;
  }
  throw corrupt('a number has too many bytes');
}
