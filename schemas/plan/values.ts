// Values at evaluation, and CEL's arithmetic and order on them.
//
//   bool boolean · string, enum string · double number · bytes Uint8Array · null null
//   int            number within ±(2^53-1), bigint beyond, always so (normalLong)
//   timestamp, duration   bigint, nanoseconds
//
// An error (missing key, null where a number is needed, overflow) is the one value ERROR: a filter never throws, and
// what went wrong is not told, because an event that makes a filter fail simply does not match.

import { normalLong } from '../avro/decoded-event.ts';

export const ERROR: unique symbol = Symbol('error');

const MIN_INT = -(2n ** 63n);
const MAX_INT = 2n ** 63n - 1n;

export type Int = number | bigint;

export const isInt = (value: unknown): value is Int => typeof value === 'number' || typeof value === 'bigint';

const checkedInt = (value: bigint): Int | typeof ERROR =>
  value >= MIN_INT && value <= MAX_INT ? normalLong(value) : ERROR;

type IntOperation = (a: Int, b: Int) => Int | typeof ERROR;

const withBigInt =
  (operation: (a: bigint, b: bigint) => bigint): IntOperation =>
  (a, b) =>
    checkedInt(operation(BigInt(a), BigInt(b)));

function fastInt(fast: (a: number, b: number) => number, exact: (a: bigint, b: bigint) => bigint): IntOperation {
  const slow = withBigInt(exact);
  return (a, b) => {
    if (typeof a === 'number' && typeof b === 'number') {
      const result = fast(a, b);
      // + 0 turns -0, which integers do not have, into 0.
      if (Number.isSafeInteger(result)) return result + 0;
    }
    return slow(a, b);
  };
}

const unlessZero =
  (operation: IntOperation): IntOperation =>
  (a, b) =>
    b === 0 ? ERROR : operation(a, b);

/** int arithmetic: 64 bits, overflow and division by zero are errors, division truncates. */
export const INT_OPERATIONS: Readonly<Record<string, IntOperation>> = {
  '+': fastInt(
    (a, b) => a + b,
    (a, b) => a + b,
  ),
  '-': fastInt(
    (a, b) => a - b,
    (a, b) => a - b,
  ),
  '*': fastInt(
    (a, b) => a * b,
    (a, b) => a * b,
  ),
  '/': unlessZero(
    fastInt(
      (a, b) => Math.trunc(a / b),
      (a, b) => a / b,
    ),
  ),
  '%': unlessZero(
    fastInt(
      (a, b) => a % b,
      (a, b) => a % b,
    ),
  ),
};

export const DOUBLE_OPERATIONS: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
};

/** Equality of numbers by value, whether int or double; NaN equals nothing. */
export function equalNumbers(a: Int, b: Int): boolean {
  if (a === b) return true;
  if (typeof a === typeof b) return false;
  // One is a bigint beyond 2^53, the other a number: equal only if the double is that very integer.
  const [big, double] = typeof a === 'bigint' ? [a, b] : [b, a];
  return Number.isInteger(double) && BigInt(double) === big;
}

const SURROGATE_MIN = 0xd800;
const AFTER_SURROGATES = 0xe000;

/** Order by code point, as UTF-8 bytes would sort; JavaScript's own order differs beyond U+FFFF. */
export function compareStrings(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rankOfUnit(x) - rankOfUnit(y);
  }
  return a.length - b.length;
}

/** Lifts surrogates, which stand for code points above U+FFFF, over the units U+E000 to U+FFFF. */
const rankOfUnit = (unit: number): number => (unit >= SURROGATE_MIN && unit < AFTER_SURROGATES ? unit + 0x10000 : unit);

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Code points, as CEL counts the size of a string. */
export function codePointsIn(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < SURROGATE_MIN || unit > 0xdbff) continue;
    const next = text.charCodeAt(i + 1);
    if (next >= 0xdc00 && next < AFTER_SURROGATES) {
      count--;
      i++;
    }
  }
  return count;
}

/** The exclusive bounds within which a double converts to int; CEL excludes both ends. */
const INT_RANGE = 2 ** 63;

export function doubleToInt(value: number): Int | typeof ERROR {
  if (!(value > -INT_RANGE && value < INT_RANGE)) return ERROR;
  const whole = Math.trunc(value) + 0;
  return Number.isSafeInteger(whole) ? whole : BigInt(whole);
}

export const stringToInt = (text: string): Int | typeof ERROR =>
  /^[+-]?\d{1,20}$/.test(text) ? checkedInt(BigInt(text.replace('+', ''))) : ERROR;

export const stringToDouble = (text: string): number | typeof ERROR =>
  /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : ERROR;

/**
 * Order of two enum symbols: as the writer declared them when it knows both, otherwise as the topic's schema does.
 *
 * @returns negative, 0, positive, or ERROR when neither knows both
 */
export function compareSymbols(
  a: string,
  b: string,
  writer: ReadonlyMap<string, number> | undefined,
  topic: ReadonlyMap<string, number>,
): number | typeof ERROR {
  return difference(writer?.get(a), writer?.get(b)) ?? difference(topic.get(a), topic.get(b)) ?? ERROR;
}

const difference = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? undefined : a - b;

export const ranksOf = (symbols: readonly string[]): ReadonlyMap<string, number> =>
  new Map(symbols.map((symbol, rank) => [symbol, rank]));
