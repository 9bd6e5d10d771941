// What a record holds, by the letter of the Avro specification and as plainly as can be: the judge over every kernel. It
// refuses what a decoder must never see (values that end outside the bytes, counts that promise more than the bytes can
// hold, nesting without end, numbers too long) and tells where in the bytes each event of a batch record stands.
//
// avsc alone cannot be the judge: it allocates and loops as a hostile length says, and it loses a map key `__proto__`.
// reference-decoder.test.ts holds the two against each other.

import { type AvroRecord, type AvroType, branchName, nullableBranch } from '../../../../schemas/avro/avro-type.ts';
import { type DecodedEvent, normalLong } from '../../../../schemas/avro/decoded-event.ts';
import { MdsError } from '../../../../schemas/errors.ts';

/** Deepest nesting of values. Schemas nest 64 at most; recursive ones (trees) rarely pass ten. */
const MAX_DEPTH = 128;
/** Items that take no bytes (nulls, empty records) cost memory for nothing: more than this in a record is an attack. */
const MAX_EMPTY_ITEMS = 65_536;

export interface ReferenceEvent {
  readonly event: DecodedEvent;
  /** Its Avro bytes, as they were written. */
  readonly bytes: Uint8Array;
}

/**
 * @param writer schema of the record: of one event, or of a batch
 * @param body the Avro bytes behind the Confluent header
 * @throws MdsError `MDS_RECORD_TRUNCATED`, `MDS_RECORD_TRAILING_BYTES` or `MDS_RECORD_CORRUPT`
 */
export function referenceEvents(writer: AvroRecord, body: Uint8Array): readonly ReferenceEvent[] {
  const decoder = new Decoder(body, writer);
  const event = decoder.value(writer);
  const count = body.length - decoder.at;
  if (count > 0) throw new MdsError('MDS_RECORD_TRAILING_BYTES', { count });
  if (writer.batchField !== undefined) return decoder.items;
  return [{ event: event as DecodedEvent, bytes: body }]; // `writer` is a record, so the value is an object
}

const truncated = (): MdsError => new MdsError('MDS_RECORD_TRUNCATED');
const corrupt = (reason: string): MdsError => new MdsError('MDS_RECORD_CORRUPT', { reason });

class Decoder {
  at = 0;
  /** Events of the batch. */
  readonly items: ReferenceEvent[] = [];
  readonly #bytes: Buffer;
  readonly #batch: AvroRecord;
  #depth = 0;
  #emptyItems = 0;

  constructor(bytes: Uint8Array, batch: AvroRecord) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#batch = batch;
  }

  value(type: AvroType): unknown {
    switch (type.kind) {
      case 'null':
        return null;
      case 'boolean':
        return this.#boolean();
      case 'int':
        return Number(this.#zigzag(5, 15));
      case 'long':
        return normalLong(this.#zigzag(10, 1));
      case 'float':
        return this.#take(4).readFloatLE();
      case 'double':
        return this.#take(8).readDoubleLE();
      case 'bytes':
        return this.#take(this.#length());
      case 'string':
        return this.#take(this.#length()).toString('utf8');
      case 'fixed':
        return this.#take(type.size);
      case 'enum':
        return this.#choice(type.symbols, 'symbols');
      case 'union':
        return this.#nested(() => this.#union(type.branches, nullableBranch(type) !== undefined));
      case 'array': {
        const items: unknown[] = [];
        this.#blocks(() => items.push(this.value(type.items)));
        return items;
      }
      case 'map': {
        const map: Record<string, unknown> = {};
        this.#blocks(() => {
          const key = this.#take(this.#length()).toString('utf8');
          // Plain assignment to `__proto__` would be lost.
          const value = this.value(type.values);
          Object.defineProperty(map, key, { value, enumerable: true, writable: true, configurable: true });
        });
        return map;
      }
      case 'record':
        return this.#nested(() => this.#record(type));
    }
  }

  #record(type: AvroRecord): DecodedEvent {
    const record: Record<string, unknown> = {};
    const isBatch = type === this.#batch && this.#depth === 1;
    for (const field of type.fields) {
      record[field.name] =
        isBatch && field.name === type.batchField ? this.#batchItems(field.type) : this.value(field.type);
    }
    return record;
  }

  #batchItems(type: AvroType): readonly unknown[] {
    if (type.kind !== 'array') throw new Error('a batch field is an array');
    this.#blocks(() => {
      const start = this.at;
      const event = this.value(type.items) as DecodedEvent; // the parser has checked that items are records
      this.items.push({ event, bytes: this.#bytes.subarray(start, this.at) });
    });
    return this.items.map(({ event }) => event);
  }

  #union(branches: readonly AvroType[], isPlain: boolean): unknown {
    const branch = this.#choice(branches, 'branches');
    const value = this.value(branch);
    return isPlain || branch.kind === 'null' ? value : { [branchName(branch)]: value };
  }

  /** Arrays and maps: blocks of items, each with its count; a negative count is followed by the block's bytes. */
  #blocks(item: () => void): void {
    this.#nested(() => {
      for (let count = this.#number(); count !== 0; count = this.#number()) {
        const end = count < 0 ? this.#blockEnd() : -1;
        for (let left = Math.abs(count); left > 0; left--) {
          const before = this.at;
          item();
          if (this.at === before && ++this.#emptyItems > MAX_EMPTY_ITEMS)
            throw corrupt('too many items without content');
        }
        if (end >= 0 && this.at !== end) throw corrupt('a block is not as long as it says');
      }
    });
  }

  #blockEnd(): number {
    const length = this.#length();
    if (length > this.#bytes.length - this.at) throw truncated();
    return this.at + length;
  }

  #nested<T>(inner: () => T): T {
    if (++this.#depth > MAX_DEPTH) throw corrupt(`it nests more than ${MAX_DEPTH} levels deep`);
    const value = inner();
    this.#depth--;
    return value;
  }

  #take(count: number): Buffer {
    if (count > this.#bytes.length - this.at) throw truncated();
    this.at += count;
    return this.#bytes.subarray(this.at - count, this.at);
  }

  #boolean(): boolean {
    const byte = this.#take(1).readUInt8();
    if (byte > 1) throw corrupt(`${byte} is not a boolean`);
    return byte === 1;
  }

  #choice<T>(from: readonly T[], what: string): T {
    const index = this.#number();
    const chosen = from[index];
    if (index < 0 || chosen === undefined) throw corrupt(`${index} is not one of ${from.length} ${what}`);
    return chosen;
  }

  #length(): number {
    const length = this.#number();
    if (length < 0) throw corrupt('a length is negative');
    return length;
  }

  /** Exact up to 2^53; what lies beyond is refused by its use as a length, a count or an index. */
  readonly #number = (): number => Number(this.#zigzag(10, 1));

  /**
   * @param maxBytes a long is 64 bits, so its varint has ten bytes at most; an int five
   * @param lastByte the tenth byte of a long holds one bit, the fifth of an int four
   */
  #zigzag(maxBytes: number, lastByte: number): bigint {
    let raw = 0n;
    for (let i = 0; i < maxBytes; i++) {
      const byte = this.#take(1).readUInt8();
      if (i === maxBytes - 1 && byte > lastByte) throw corrupt('a number has too many bits or bytes');
      raw |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) return (raw >> 1n) ^ -(raw & 1n);
    }
    throw corrupt('a number has too many bytes');
  }
}
