// Random values for wire-writer.ts, from small pools (so that constants in filters meet them) and from where a reader of
// bytes goes wrong: texts that must be escaped or are not UTF-8, numbers at the edges of their encodings, keys that repeat.

import { type AvroType, branchName, nullableBranch } from '../../../../schemas/avro/avro-type.ts';
import { DAY_MS, TIMES } from '../../../schemas/plan/arbitraries.ts';
import { type Choose, KEYS, pick, STRINGS } from '../../../schemas/plan/pools.ts';
import { MapEntries } from './wire-writer.ts';

const HARD_TEXTS = [
  'say "hi"',
  'back\\slash',
  '\u0000\u0001\b\t\n\f\r\u001f',
  '\u007f',
  'line\u2028and\u2029paragraph',
  '\u{10ffff}\u{1f680}',
  '\ufeffmark',
  '\ufffd',
  '</script>',
  'a'.repeat(31),
  `${'a'.repeat(32)}"`,
  'é'.repeat(64),
  `${'x'.repeat(127)}\n`,
];
/** Not UTF-8: a cut sequence, an over-long one, a surrogate, a byte that never occurs, one beyond U+10FFFF. */
export const BROKEN_TEXTS = [
  [0x61, 0xff],
  [0xc3],
  [0x61, 0xe2, 0x82, 0x62],
  [0xc0, 0x80],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf0, 0x9f, 0x98],
  [0x22, 0x80, 0x5c, 0x0a],
].map((bytes) => Uint8Array.from(bytes));

const EDGE_INTS = [6, 13, 20, 27, 31].flatMap((bits) => [
  2 ** bits - 1,
  -(2 ** bits),
  ...(bits < 31 ? [2 ** bits] : []),
]);
const EDGE_LONGS: readonly (number | bigint)[] = [
  ...EDGE_INTS,
  ...[34, 41, 48, 55, 62, 63].flatMap((bits) => [2n ** BigInt(bits) - 1n, -(2n ** BigInt(bits))]),
  ...[-1n, 0n, 1n].flatMap((more) => [2n ** 53n + more, -(2n ** 53n) + more]),
];
const EDGE_DOUBLES = [
  ...[0, -0, 5e-324, -5e-324, 2 ** -1022, 1.7976931348623157e308, 1e21, 1e-7, 123456789.123],
  ...[0.1, 1 / 3, 2 ** 53, 2 ** 53 + 2, -(2 ** 63), 1e300, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
];
const NAN_BYTES = [
  [0, 0, 0, 0, 0, 0, 0xf8, 0x7f],
  [1, 2, 3, 4, 5, 6, 0xf7, 0xff],
].map((bytes) => Uint8Array.from(bytes));
const SMALL_INTS = [0, 1, 2, -1, 5, 7, 100];

/** @param depth how deep the value stands; recursive schemas end by it */
export function richValue(type: AvroType, choose: Choose, depth = 0): unknown {
  const inner = (of: AvroType): unknown => richValue(of, choose, depth + 1);
  switch (type.kind) {
    case 'null':
      return null;
    case 'boolean':
      return choose(2) === 0;
    case 'int':
      if (type.logical?.name === 'time-millis') return choose(DAY_MS);
      return pick(
        choose,
        type.logical !== undefined || choose(4) > 0
          ? SMALL_INTS
          : choose(3) > 0
            ? EDGE_INTS
            : [choose(2 ** 32) - 2 ** 31],
      );
    case 'long':
      // Whole milliseconds in either unit: the library behind the model rounds up below them, CEL rounds down.
      if (type.logical !== undefined) return pick(choose, TIMES) + 1000 * choose(5);
      return pick<number | bigint>(choose, choose(3) > 0 ? SMALL_INTS : EDGE_LONGS);
    case 'float':
      if (choose(10) === 0) return randomBytes(4, choose);
      return choose(3) === 0 ? Math.fround(decimal(choose)) : pick(choose, choose(2) === 0 ? SMALL_INTS : EDGE_DOUBLES);
    case 'double':
      if (choose(10) === 0) return choose(2) === 0 ? pick(choose, NAN_BYTES) : randomBytes(8, choose);
      return choose(3) === 0 ? decimal(choose) : pick(choose, choose(2) === 0 ? [...SMALL_INTS, 0.5] : EDGE_DOUBLES);
    case 'string':
      return richText(choose);
    case 'bytes':
      return Uint8Array.from({ length: choose(12) === 0 ? choose(300) : choose(4) }, () => choose(256));
    case 'fixed':
      return Uint8Array.from({ length: type.size }, (_, i) => (i < 2 ? choose(3) + 97 : i % 251));
    case 'enum':
      return pick(choose, type.symbols);
    case 'array':
      return Array.from({ length: itemCount(choose, depth) }, () => inner(type.items));
    case 'map':
      return new MapEntries(
        Array.from({ length: itemCount(choose, depth) }, () => [richKey(choose), inner(type.values)] as const),
      );
    case 'record':
      return Object.fromEntries(type.fields.map((field) => [field.name, inner(field.type)]));
    case 'union': {
      const nullPlace = type.branches.findIndex(({ kind }) => kind === 'null');
      const branch = depth > MAX_VALUE_DEPTH && nullPlace >= 0 ? type.branches[nullPlace] : pick(choose, type.branches);
      if (branch === undefined) throw new Error('a union has branches');
      const value = inner(branch);
      return branch.kind === 'null' || nullableBranch(type) !== undefined ? value : { [branchName(branch)]: value };
    }
  }
}

/** As measurements are: a few digits on either side of the point. */
const decimal = (choose: Choose): number =>
  ((choose(2) === 0 ? 1 : -1) * choose(10 ** (1 + choose(9)))) / 10 ** choose(8);

/** Any number, tiny, huge or none. */
const randomBytes = (length: number, choose: Choose): Uint8Array => Uint8Array.from({ length }, () => choose(256));

/** Below the kernel's bound of 128, also counting unions and lists. */
const MAX_VALUE_DEPTH = 9;

function itemCount(choose: Choose, depth: number): number {
  if (depth > MAX_VALUE_DEPTH) return 0;
  return depth < 3 && choose(40) === 0 ? choose(150) : choose(4);
}

export function richText(choose: Choose): string | Uint8Array {
  switch (choose(12)) {
    case 0:
    case 1:
      return pick(choose, HARD_TEXTS);
    case 2:
      return pick(choose, BROKEN_TEXTS);
    case 3:
      return longText(choose);
    default:
      return pick(choose, STRINGS);
  }
}

/** Mostly short: one in some hundred texts is as long as 70,000 bytes. */
function longText(choose: Choose): string | Uint8Array {
  const length = choose(30) === 0 ? choose(70_000) : choose(300);
  const body = pick(choose, ['x', 'é', '\n', 'ab"', '\u{1f600}']).repeat(length).slice(0, length);
  if (choose(3) > 0) return body;
  return Buffer.concat([Buffer.from(body), pick(choose, BROKEN_TEXTS)]);
}

function richKey(choose: Choose): string | Uint8Array {
  switch (choose(20)) {
    case 0:
      return richText(choose);
    case 1:
      return '__proto__';
    case 2:
      return pick(choose, ['toString', 'hasOwnProperty', '0', '10', 'length', '']);
    case 3:
      return `k${choose(100)}`;
    default:
      return pick(choose, KEYS);
  }
}
