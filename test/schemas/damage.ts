// Arbitraries and checks shared by the codec tests: every way to damage bytes, and "nothing but this error".

import fc from 'fast-check';
import { MdsError, type MdsErrorCode } from '../../schemas/errors.ts';

/** Most codecs are tested with this many random cases; the whole unit suite must stay within seconds. */
export const RUNS = 200;

/** `read` returns, or throws an MdsError of one of these codes; anything else fails the property. */
export function onlyThrows(codes: readonly MdsErrorCode[], read: () => unknown): MdsErrorCode | null {
  try {
    read();
    return null;
  } catch (error) {
    if (error instanceof MdsError && codes.includes(error.code)) return error.code;
    throw error;
  }
}

/** A copy with one bit turned. */
export function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const damaged = Uint8Array.from(bytes);
  const at = Math.floor(bit / 8) % damaged.length;
  damaged[at] = (damaged[at] ?? 0) ^ (1 << (bit % 8));
  return damaged;
}

/** The bytes in the middle of a larger buffer of other bytes, so that an over-read sees something and is noticed. */
export function embedded(bytes: Uint8Array, before = 13, after = 29): Uint8Array {
  const around = new Uint8Array(before + bytes.length + after).fill(0xa5);
  around.set(bytes, before);
  return around.subarray(before, before + bytes.length);
}

/** Records as plain objects: with the null prototypes that fast-check also makes, strict comparisons fail. */
export const record = <Shape extends object>(shape: { [Key in keyof Shape]: fc.Arbitrary<Shape[Key]> }) =>
  fc.record<Shape>(shape, { noNullPrototype: true });

export const anyCursor = record({
  offset: fc.oneof(
    fc.constantFrom(-1, 0, 1, Number.MAX_SAFE_INTEGER - 1),
    fc.integer({ min: -1, max: 2 ** 31 }),
    fc.integer({ min: -1, max: Number.MAX_SAFE_INTEGER - 1 }),
  ),
  index: fc.oneof(fc.constantFrom(0, 1, 0x7fffffff), fc.integer({ min: 0, max: 0x7fffffff })),
});

export const anyChannel = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString('hex'));

/** Any UTF-16 text, lone surrogates too. (fast-check's own `unit: 'binary'` takes two seconds to set itself up.) */
export const anyText = fc.array(fc.nat(0xffff), { maxLength: 20 }).map((units) => String.fromCharCode(...units));
