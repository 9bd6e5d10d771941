// Values out of bytes that a scanner has walked, as decoded events hold them (schemas/avro/decoded-event.ts). Only for
// clauses that no predicate on bytes can decide, so it need not be fast; it must agree with avsc, and property tests say so.

import type { AvroRecord, AvroType } from '../../../../schemas/avro/avro-type.ts';
import { branchName, nullableBranch } from '../../../../schemas/avro/avro-type.ts';
import { normalLong } from '../../../../schemas/avro/decoded-event.ts';
import { behindVarint, bigLongAt, doubleAt, floatAt, intAt, isExactLong, longAt } from './values.ts';

export type Decode = (b: Uint8Array, p: number) => unknown;

export class ValueDecoder {
  readonly #known = new Map<AvroType, Decode>();
  /** Where the value that was decoded last has ended. */
  #next = 0;

  decode(type: AvroType): Decode {
    const known = this.#known.get(type);
    if (known) return known;
    let made: Decode | undefined;
    // A recursive schema meets itself here before its decoder is finished.
    this.#known.set(type, (b, p) => made?.(b, p));
    made = this.#make(type);
    this.#known.set(type, made);
    return made;
  }

  #make(type: AvroType): Decode {
    switch (type.kind) {
      case 'null':
        return (_, p) => this.#end(p, null);
      case 'boolean':
        return (b, p) => this.#end(p + 1, b[p] === 1);
      case 'int':
        return (b, p) => this.#end(behindVarint(b, p), intAt(b, p));
      case 'long':
        return (b, p) => this.#end(behindVarint(b, p), exactLongAt(b, p));
      case 'float':
        return (b, p) => this.#end(p + 4, floatAt(b, p));
      case 'double':
        return (b, p) => this.#end(p + 8, doubleAt(b, p));
      case 'string':
        return (b, p) => {
          const [start, end] = this.#span(b, p);
          return this.#end(end, textAt(b, start, end));
        };
      case 'bytes':
        return (b, p) => {
          const [start, end] = this.#span(b, p);
          return this.#end(end, Buffer.from(b.subarray(start, end)));
        };
      case 'fixed':
        return (b, p) => this.#end(p + type.size, Buffer.from(b.subarray(p, p + type.size)));
      case 'enum':
        return (b, p) => this.#end(behindVarint(b, p), type.symbols[intAt(b, p)]);
      case 'union':
        return this.#union(type.branches, nullableBranch(type) !== undefined);
      case 'array':
        return this.#array(this.decode(type.items));
      case 'map':
        return this.#map(this.decode(type.values));
      case 'record':
        return this.#record(type);
    }
  }

  #end<T>(next: number, value: T): T {
    this.#next = next;
    return value;
  }

  /** Of bytes that follow their length. */
  #span(b: Uint8Array, p: number): readonly [start: number, end: number] {
    const start = behindVarint(b, p);
    return [start, start + longAt(b, p)];
  }

  #union(branches: readonly AvroType[], isPlain: boolean): Decode {
    const decodes = branches.map((branch) => this.decode(branch));
    const names = branches.map((branch) => (branch.kind === 'null' ? null : branchName(branch)));
    return (b, p) => {
      const index = intAt(b, p);
      const value = decodes[index]?.(b, behindVarint(b, p));
      const name = names[index];
      return isPlain || name === null || name === undefined ? value : { [name]: value };
    };
  }

  #array(item: Decode): Decode {
    return (b, p) => {
      const items: unknown[] = [];
      this.#eachItem(b, p, (at) => {
        items.push(item(b, at));
      });
      return items;
    };
  }

  /** Without a prototype: a key may be called `__proto__`. */
  #map(decodeValue: Decode): Decode {
    return (b, p) => {
      const map: Record<string, unknown> = Object.create(null);
      this.#eachItem(b, p, (at) => {
        const [start, end] = this.#span(b, at);
        map[textAt(b, start, end)] = decodeValue(b, end);
      });
      return map;
    };
  }

  #eachItem(b: Uint8Array, p: number, read: (at: number) => void): void {
    let at = p;
    for (;;) {
      let count = longAt(b, at);
      at = behindVarint(b, at);
      if (count === 0) break;
      if (count < 0) {
        count = -count;
        at = behindVarint(b, at);
      }
      for (; count > 0; count--) {
        read(at);
        at = this.#next;
      }
    }
    this.#next = at;
  }

  #record({ fields }: AvroRecord): Decode {
    const readers = fields.map(({ name, type }): [string, Decode] => [name, this.decode(type)]);
    return (b, p) => {
      const record: Record<string, unknown> = Object.create(null);
      this.#next = p;
      for (const [name, read] of readers) record[name] = read(b, this.#next);
      return record;
    };
  }
}

function exactLongAt(b: Uint8Array, p: number): number | bigint {
  const value = longAt(b, p);
  return isExactLong(value) ? value : normalLong(bigLongAt(b, p));
}

/** Invalid UTF-8 becomes U+FFFD, as in every decoder of the platform. */
export const textAt = (b: Uint8Array, start: number, end: number): string =>
  Buffer.from(b.buffer, b.byteOffset + start, end - start).toString('utf8');
