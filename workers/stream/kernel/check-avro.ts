// Walks the Avro bytes of one value without decoding it, and refuses what a decoder must never see: a value that ends
// outside the bytes, counts that promise more than the bytes can hold, nesting without end, numbers too long. After this
// walk avsc is safe: on its own it allocates and loops as a hostile length says (`new Array(2^31)`).
// The walk follows the writer's schema; the byte kernel will skip fields with the same closures.

import type { AvroType } from '../../../schemas/avro/avro-type.ts';
import { MdsError } from '../../../schemas/errors.ts';

/** Deepest nesting of values. Schemas nest 64 at most; recursive ones (trees) rarely pass ten. */
const MAX_DEPTH = 128;
/** Items that take no bytes (nulls, empty records) cost memory for nothing: more than this in a record is an attack. */
const MAX_EMPTY_ITEMS = 65_536;
/** A long is 64 bits, so its varint has ten bytes at most; an int five. */
const MAX_LONG_BYTES = 10;
const MAX_INT_BYTES = 5;
/** The tenth byte of a long holds one bit, the fifth of an int four. */
const LAST_LONG_BYTE = 1;
const LAST_INT_BYTE = 15;

interface Walk {
  readonly bytes: Uint8Array;
  at: number;
  depth: number;
  emptyItems: number;
}
type Step = (walk: Walk) => void;

/**
 * @param bytes holds the value and nothing else from `start` on
 * @throws MdsError `MDS_RECORD_TRUNCATED`, `MDS_RECORD_TRAILING_BYTES` or `MDS_RECORD_CORRUPT`
 */
export type AvroCheck = (bytes: Uint8Array, start: number) => void;

/** Compiles the walk for one writer's schema. */
export function compileAvroCheck(type: AvroType): AvroCheck {
  const step = new CheckCompiler().compile(type);
  return (bytes, start) => {
    const walk: Walk = { bytes, at: start, depth: 0, emptyItems: 0 };
    step(walk);
    const count = bytes.length - walk.at;
    if (count > 0) throw new MdsError('MDS_RECORD_TRAILING_BYTES', { count });
  };
}

class CheckCompiler {
  /** By identity: names are resolved in the model, so a recursive schema holds the same object again. */
  readonly #compiled = new Map<AvroType, Step>();

  compile(type: AvroType): Step {
    const known = this.#compiled.get(type);
    if (known) return known;
    let step: Step | undefined;
    // A recursive schema meets itself here before its step is finished.
    this.#compiled.set(type, (walk) => step?.(walk));
    step = this.#stepOf(type);
    this.#compiled.set(type, step);
    return step;
  }

  #stepOf(type: AvroType): Step {
    switch (type.kind) {
      case 'null':
        return () => {};
      case 'boolean':
        return checkBoolean;
      case 'int':
        return (walk) => void readVarint(walk, MAX_INT_BYTES, LAST_INT_BYTE);
      case 'long':
        return (walk) => void readVarint(walk, MAX_LONG_BYTES, LAST_LONG_BYTE);
      case 'float':
        return (walk) => skip(walk, 4);
      case 'double':
        return (walk) => skip(walk, 8);
      case 'bytes':
      case 'string':
        return (walk) => skip(walk, readLength(walk));
      case 'fixed':
        return (walk) => skip(walk, type.size);
      case 'enum':
        return (walk) => checkIndex(walk, type.symbols.length, `enum ${type.name}`);
      case 'union':
        return checkUnion(type.branches.map((branch) => this.compile(branch)));
      case 'array':
        return checkBlocks(this.compile(type.items));
      case 'map': {
        const values = this.compile(type.values);
        return checkBlocks((walk) => {
          skip(walk, readLength(walk));
          values(walk);
        });
      }
      case 'record': {
        const fields = type.fields.map((field) => this.compile(field.type));
        return nested((walk) => {
          for (const field of fields) field(walk);
        });
      }
    }
  }
}

const truncated = (): MdsError => new MdsError('MDS_RECORD_TRUNCATED');
const corrupt = (reason: string): MdsError => new MdsError('MDS_RECORD_CORRUPT', { reason });

const nested =
  (step: Step): Step =>
  (walk) => {
    if (++walk.depth > MAX_DEPTH) throw corrupt(`it nests more than ${MAX_DEPTH} levels deep`);
    step(walk);
    walk.depth--;
  };

function skip(walk: Walk, count: number): void {
  if (count > walk.bytes.length - walk.at) throw truncated();
  walk.at += count;
}

function checkBoolean(walk: Walk): void {
  const byte = walk.bytes[walk.at];
  if (byte === undefined) throw truncated();
  if (byte > 1) throw corrupt(`${byte} is not a boolean`);
  walk.at++;
}

const checkUnion = (branches: readonly Step[]): Step =>
  nested((walk) => {
    const index = readNumber(walk);
    const branch = branches[index];
    if (branch === undefined) throw corrupt(`${index} is not a branch of a union of ${branches.length}`);
    branch(walk);
  });

function checkIndex(walk: Walk, count: number, what: string): void {
  const index = readNumber(walk);
  if (index < 0 || index >= count) throw corrupt(`${index} is not a symbol of ${what}`);
}

/** Arrays and maps: blocks of items, each with its count; a negative count is followed by the block's bytes. */
const checkBlocks = (item: Step): Step =>
  nested((walk) => {
    for (let count = readNumber(walk); count !== 0; count = readNumber(walk)) {
      const end = count < 0 ? blockEnd(walk) : -1;
      for (let left = Math.abs(count); left > 0; left--) {
        const before = walk.at;
        item(walk);
        if (walk.at === before && ++walk.emptyItems > MAX_EMPTY_ITEMS) {
          throw corrupt(`it claims more than ${MAX_EMPTY_ITEMS} items without content`);
        }
      }
      if (end >= 0 && walk.at !== end) throw corrupt('a block is not as long as it says');
    }
  });

function blockEnd(walk: Walk): number {
  const length = readLength(walk);
  if (length > walk.bytes.length - walk.at) throw truncated();
  return walk.at + length;
}

function readLength(walk: Walk): number {
  const length = readNumber(walk);
  if (length < 0) throw corrupt('a length is negative');
  return length;
}

/** A zigzag varint as a number; exact up to 2^53, and what lies beyond is refused by its use as a length or an index. */
function readNumber(walk: Walk): number {
  const raw = readVarint(walk, MAX_LONG_BYTES, LAST_LONG_BYTE);
  return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
}

function readVarint(walk: Walk, maxBytes: number, lastByte: number): number {
  const { bytes } = walk;
  let value = 0;
  let scale = 1;
  for (let i = 0; i < maxBytes; i++) {
    const byte = bytes[walk.at];
    if (byte === undefined) throw truncated();
    walk.at++;
    if (i === maxBytes - 1 && byte > lastByte) throw corrupt('a number has too many bits');
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 0x80;
  }
  throw corrupt('a number has too many bytes');
}
