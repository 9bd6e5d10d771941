// Strings by their bytes → small numbers, for constants of filters and wanted keys of maps: looked up where they stand in
// a record, without making a string. Open addressing with linear probing; removed entries leave a mark until the next growth.
// Hash: FNV-1a (Fowler, Noll, Vo).

const FREE = -1;
const REMOVED = -2;
const MIN_CAPACITY = 16;
const FNV_PRIME = 0x01000193;
const FNV_OFFSET = 0x811c9dc5 | 0;

/** One step of the hash. */
export const hashStep = (hash: number, byte: number): number => Math.imul(hash ^ byte, FNV_PRIME);

/** All steps over a text: what prefixes of it share. */
export function steppedHash(b: Uint8Array, start: number, length: number): number {
  let hash = FNV_OFFSET;
  for (let i = start, end = start + length; i < end; i++) hash = Math.imul(hash ^ (b[i] ?? 0), FNV_PRIME);
  return hash;
}

/** The same over four bytes at a time: a quarter of the multiplications that wait for each other. */
export function wordHash(b: Uint8Array, start: number, length: number): number {
  let hash = Math.imul(FNV_OFFSET ^ length, FNV_PRIME);
  let at = start;
  for (const lastWord = start + length - 4; at <= lastWord; at += 4) {
    const word = (b[at] ?? 0) | ((b[at + 1] ?? 0) << 8) | ((b[at + 2] ?? 0) << 16) | ((b[at + 3] ?? 0) << 24);
    hash = Math.imul(hash ^ word, FNV_PRIME);
    hash ^= hash >>> 15;
  }
  for (const end = start + length; at < end; at++) hash = Math.imul(hash ^ (b[at] ?? 0), FNV_PRIME);
  return hash;
}

type Hash = (b: Uint8Array, start: number, length: number) => number;

export const EMPTY_HASH = FNV_OFFSET;

/** FNV spreads its last byte badly over the low bits. */
const slotOf = (hash: number, mask: number): number => (hash ^ (hash >>> 15)) & mask;

export class ByteTable {
  #places = new Int32Array(MIN_CAPACITY).fill(FREE);
  #mask = MIN_CAPACITY - 1;
  #marks = 0;
  #hashes: number[] = [];
  #entries: (Uint8Array | undefined)[] = [];
  readonly #freeIds: number[] = [];
  /** Users of each id. */
  readonly #users: number[] = [];
  /** How many entries have each length; the last place stands for all beyond it. */
  readonly #lengths = new Uint32Array(256);
  readonly #hashOf: Hash;
  #size = 0;
  #longest = 0;

  /** @param hashOf `steppedHash` for a table that is asked with hashes made step by step */
  constructor(hashOf: Hash = wordHash) {
    this.#hashOf = hashOf;
  }

  get size(): number {
    return this.#size;
  }

  /** No entry was ever longer. */
  get longest(): number {
    return this.#longest;
  }

  hasLength(length: number): boolean {
    return this.#lengths[Math.min(length, 255)] !== 0;
  }

  /** @returns the id, or -1 */
  find(b: Uint8Array, start: number, length: number): number {
    return this.hasLength(length) ? this.findHashed(b, start, length, this.#hashOf(b, start, length)) : -1;
  }

  /** @param hash of these bytes */
  findHashed(b: Uint8Array, start: number, length: number, hash: number): number {
    const places = this.#places;
    const mask = this.#mask;
    for (let at = slotOf(hash, mask); ; at = (at + 1) & mask) {
      const id = places[at] ?? FREE;
      if (id === FREE) return -1;
      if (id !== REMOVED && this.#hashes[id] === hash && isEqual(this.#entries[id], b, start, length)) return id;
    }
  }

  /** Adds it, or one more user of it. @returns its id, free for another entry after the last `release` */
  retain(bytes: Uint8Array): number {
    const hash = this.#hashOf(bytes, 0, bytes.length);
    const known = this.findHashed(bytes, 0, bytes.length, hash);
    if (known >= 0) {
      this.#users[known] = (this.#users[known] ?? 0) + 1;
      return known;
    }
    if ((this.#marks + 1) * 2 > this.#places.length) this.#rebuild();
    const id = this.#freeIds.pop() ?? this.#entries.length;
    this.#entries[id] = bytes.slice();
    this.#hashes[id] = hash;
    this.#users[id] = 1;
    this.#insert(id, hash);
    this.#marks++;
    this.#size++;
    this.#longest = Math.max(this.#longest, bytes.length);
    this.#countLength(bytes.length, 1);
    return id;
  }

  /** @returns true when that was the last user */
  release(id: number): boolean {
    const entry = this.#entries[id];
    const users = (this.#users[id] ?? 0) - 1;
    if (!entry) throw new RangeError(`entry ${id} is not there`);
    this.#users[id] = users;
    if (users > 0) return false;
    for (let at = slotOf(this.#hashes[id] ?? 0, this.#mask); ; at = (at + 1) & this.#mask) {
      if (this.#places[at] !== id) continue;
      this.#places[at] = REMOVED; // stays in #marks: a probe must go on behind it
      break;
    }
    this.#entries[id] = undefined;
    this.#freeIds.push(id);
    this.#size--;
    this.#countLength(entry.length, -1);
    return true;
  }

  #countLength(length: number, by: number): void {
    const at = Math.min(length, 255);
    this.#lengths[at] = (this.#lengths[at] ?? 0) + by;
  }

  #insert(id: number, hash: number): void {
    let at = slotOf(hash, this.#mask);
    while (this.#places[at] !== FREE) at = (at + 1) & this.#mask;
    this.#places[at] = id;
  }

  #rebuild(): void {
    let capacity = MIN_CAPACITY;
    while (capacity < (this.#size + 1) * 4) capacity *= 2;
    this.#places = new Int32Array(capacity).fill(FREE);
    this.#mask = capacity - 1;
    this.#marks = this.#size;
    for (let id = 0; id < this.#entries.length; id++) {
      if (this.#entries[id] !== undefined) this.#insert(id, this.#hashes[id] ?? 0);
    }
  }
}

function isEqual(entry: Uint8Array | undefined, b: Uint8Array, start: number, length: number): boolean {
  if (entry === undefined || entry.length !== length) return false;
  for (let i = 0; i < length; i++) if (entry[i] !== b[start + i]) return false;
  return true;
}
