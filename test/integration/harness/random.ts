// Reproducible randomness: a number that looks random but is a function of its arguments, so that any event of a run can be
// made again without having made those before it.

/** Uniform in [0, below). Source: the 32-bit finaliser of MurmurHash3. */
export function randomInteger(sequence: number, salt: number, below: number): number {
  let hash = (Math.imul(sequence + 1, 0x9e3779b1) ^ Math.imul(salt + 1, 0x85ebca6b)) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) >>> 0;
  return ((hash ^ (hash >>> 16)) >>> 0) % below;
}
