// Avro bytes of values, in every way a writer may write them: avsc writes a list as one block and a number as short as
// can be; others write several blocks, blocks that say their length, and numbers with bytes to spare. Texts may be given
// as raw bytes, UTF-8 or not, and maps as entries, so that a key can stand twice.

import { type AvroType, branchName, nullableBranch } from '../../../../schemas/avro/avro-type.ts';
import type { Choose } from '../../../schemas/plan/pools.ts';

/** The entries of a map as they are written; keys may repeat. */
export class MapEntries {
  readonly entries: readonly (readonly [key: string | Uint8Array, value: unknown])[];

  constructor(entries: MapEntries['entries']) {
    this.entries = entries;
  }
}

/**
 * @param value as decoded-event.ts describes it; a string may also be a Uint8Array, a map also MapEntries
 * @param choose decides how it is written; absent: as avsc does
 */
export function avroBytes(type: AvroType, value: unknown, choose?: Choose): Buffer {
  const writer = new WireWriter(choose);
  writer.write(type, value);
  return Buffer.concat(writer.chunks);
}

/** A zigzag varint. @param spare how many bytes more than needed, at most */
export function varint(value: number | bigint, spare = 0, maxBytes = 10): Buffer {
  const wide = BigInt(value);
  let rest = BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n));
  const bytes: number[] = [];
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  for (let i = 0; i < spare && bytes.length < maxBytes; i++) {
    bytes.push((bytes.pop() ?? 0) | 0x80, 0);
  }
  return Buffer.from(bytes);
}

class WireWriter {
  readonly chunks: Buffer[] = [];
  readonly #choose: Choose | undefined;

  constructor(choose: Choose | undefined) {
    this.#choose = choose;
  }

  write(type: AvroType, value: unknown): void {
    switch (type.kind) {
      case 'null':
        return;
      case 'boolean':
        this.#push(Buffer.of(value === true ? 1 : 0));
        break;
      case 'int':
        this.#number(Number(value), 5);
        break;
      case 'long':
        this.#number(BigInt(String(value)));
        break;
      case 'float': {
        const bytes = Buffer.alloc(4);
        bytes.writeFloatLE(Number(value));
        this.#push(value instanceof Uint8Array ? Buffer.from(value) : bytes);
        break;
      }
      case 'double': {
        const bytes = Buffer.alloc(8);
        bytes.writeDoubleLE(Number(value));
        this.#push(value instanceof Uint8Array ? Buffer.from(value) : bytes);
        break;
      }
      case 'bytes':
      case 'string':
        this.#text(value);
        break;
      case 'fixed':
        this.#push(bytesOf(value));
        break;
      case 'enum':
        this.#number(type.symbols.indexOf(String(value)));
        break;
      case 'union':
        this.#union(type.branches, nullableBranch(type) !== undefined, value);
        break;
      case 'array':
        this.#blocks(Array.isArray(value) ? value : [], (item) => this.write(type.items, item));
        break;
      case 'map': {
        const entries = value instanceof MapEntries ? value.entries : Object.entries(Object(value));
        this.#blocks(entries, ([key, inner]) => {
          this.#text(key);
          this.write(type.values, inner);
        });
        break;
      }
      case 'record':
        for (const field of type.fields) this.write(field.type, Reflect.get(Object(value), field.name));
    }
  }

  #push(bytes: Buffer): void {
    this.chunks.push(bytes);
  }

  #number(value: number | bigint, maxBytes = 10): void {
    this.#push(varint(value, this.#choose && this.#choose(12) === 0 ? 1 + this.#choose(4) : 0, maxBytes));
  }

  #text(value: unknown): void {
    const bytes = bytesOf(value);
    this.#number(bytes.length);
    this.#push(bytes);
  }

  #union(branches: readonly AvroType[], isPlain: boolean, value: unknown): void {
    const index = branches.findIndex((branch) => {
      if (value === null || branch.kind === 'null') return value === null && branch.kind === 'null';
      return isPlain || Object.hasOwn(Object(value), branchName(branch));
    });
    const branch = branches[index];
    if (branch === undefined) throw new Error('the value is of no branch');
    this.#number(index);
    this.write(branch, isPlain || branch.kind === 'null' ? value : Reflect.get(Object(value), branchName(branch)));
  }

  #blocks<Item>(items: readonly Item[], write: (item: Item) => void): void {
    let rest = items;
    while (rest.length > 0) {
      const count = this.#choose ? 1 + this.#choose(rest.length) : rest.length;
      this.#block(rest.slice(0, count), write);
      rest = rest.slice(count);
    }
    this.#number(0);
  }

  #block<Item>(items: readonly Item[], write: (item: Item) => void): void {
    if (!this.#choose || this.#choose(2) === 0) {
      this.#number(items.length);
      for (const item of items) write(item);
      return;
    }
    this.#number(-items.length);
    const outer = this.chunks.splice(0);
    for (const item of items) write(item);
    const bytes = Buffer.concat(this.chunks.splice(0));
    this.chunks.push(...outer);
    this.#number(bytes.length);
    this.#push(bytes);
  }
}

const bytesOf = (value: unknown): Buffer =>
  value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value));
