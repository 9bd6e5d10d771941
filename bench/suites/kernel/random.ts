// Reproducible randomness: a number that looks random but is a function of its arguments, so that every run of a suite sees
// the same events and any event can be made again without those before it.

/** Uniform in [0, 2^32). Source: the 32-bit finaliser of MurmurHash3. */
export function randomBits(sequence: number, salt: number): number {
  let hash = (Math.imul(sequence + 1, 0x9e3779b1) ^ Math.imul(salt + 1, 0x85ebca6b)) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) >>> 0;
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Uniform in [0, 1). */
export const randomFraction = (sequence: number, salt: number): number => randomBits(sequence, salt) / 2 ** 32;

/** Uniform integer in [0, below). */
export const randomBelow = (sequence: number, salt: number, below: number): number =>
  Math.floor(randomFraction(sequence, salt) * below);
