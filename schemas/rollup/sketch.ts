// Quantiles of any number of values in bounded memory: DDSketch (Masson, Rim, Lee, VLDB 2019) with a fixed range instead of
// collapsing bins, so that merging is addition and gives the same in any order.
//
//   key   … -2001   0   2001 …        one bin for each key, sorted; a bin of key k > 0 holds values in (γ^(i-1), γ^i],
//          negative  0  positive      i = k - KEY_OFFSET; negative values mirror that
//
// @datadog/sketches-js was tried: its dense stores take over 1 KiB each, and there is one for each series and second.

/** A quantile is off by at most this share of its value, for magnitudes from 1e-9 to 1e18. */
export const RELATIVE_ERROR = 0.01;

const GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR);
const LN_GAMMA = Math.log(GAMMA);
/** Smaller magnitudes count as 0. */
const SMALLEST = 1e-9;
/** Larger magnitudes fall into the last bin; a quantile there is the exact maximum or minimum at worst. */
const LARGEST = 1e18;
const MIN_INDEX = Math.ceil(Math.log(SMALLEST) / LN_GAMMA);
const MAX_INDEX = Math.ceil(Math.log(LARGEST) / LN_GAMMA);
/** Makes every key of a positive value positive. */
const KEY_OFFSET = 1 - MIN_INDEX;
/** The largest key; the smallest is its negative. */
export const MAX_KEY = MAX_INDEX + KEY_OFFSET;
/** No sketch has more bins than this. */
export const MAX_BINS = 2 * (MAX_INDEX - MIN_INDEX + 1) + 1;

/** @param value finite */
export function keyOf(value: number): number {
  const magnitude = Math.abs(value);
  if (magnitude < SMALLEST) return 0;
  const index = Math.ceil(Math.log(Math.min(magnitude, LARGEST)) / LN_GAMMA);
  const key = Math.max(1, index + KEY_OFFSET);
  return value < 0 ? -key : key;
}

/** The value in the middle of a bin, by the sketch's own measure. */
export function middleOf(key: number): number {
  if (key === 0) return 0;
  const middle = (2 * GAMMA ** (Math.abs(key) - KEY_OFFSET)) / (GAMMA + 1);
  return key < 0 ? -middle : middle;
}

export class Sketch {
  /** Sorted; only the first `size` count. */
  keys = new Int32Array(2);
  counts = new Float64Array(2);
  size = 0;

  /** @param value finite */
  add(value: number): void {
    this.addBin(keyOf(value), 1);
  }

  addBin(key: number, count: number): void {
    const isBehind = this.size === 0 || key > (this.keys[this.size - 1] ?? 0); // as bins come out of a block
    const place = isBehind ? this.size : this.#placeOf(key);
    if (place < this.size && this.keys[place] === key) {
      this.counts[place] = (this.counts[place] ?? 0) + count;
      return;
    }
    this.#reserve(this.size + 1);
    this.keys.copyWithin(place + 1, place, this.size);
    this.counts.copyWithin(place + 1, place, this.size);
    this.keys[place] = key;
    this.counts[place] = count;
    this.size += 1;
  }

  /** Adds the bins `from` to `to` of sorted keys with their counts. */
  merge(keys: Int32Array, counts: Float64Array, from: number, to: number): void {
    if (to - from <= 2) {
      for (let at = from; at < to; at++) this.addBin(keys[at] ?? 0, counts[at] ?? 0);
      return;
    }
    let added = 0;
    for (let own = 0, other = from; other < to; other++) {
      const key = keys[other] ?? 0;
      while (own < this.size && (this.keys[own] ?? 0) < key) own += 1;
      if (own >= this.size || this.keys[own] !== key) added += 1;
    }
    this.#reserve(this.size + added);
    // From the end, so that every bin is moved once and none is overwritten before it was.
    let own = this.size - 1;
    let other = to - 1;
    for (let place = this.size + added - 1; other >= from; place--) {
      const key = keys[other] ?? 0;
      const ownKey = this.keys[own] ?? 0;
      if (own >= 0 && ownKey >= key) {
        this.keys[place] = ownKey;
        this.counts[place] = (this.counts[own] ?? 0) + (ownKey === key ? (counts[other--] ?? 0) : 0);
        own -= 1;
      } else {
        this.keys[place] = key;
        this.counts[place] = counts[other--] ?? 0;
      }
    }
    this.size += added;
  }

  /**
   * @param q 0 to 1
   * @param total of all counts, above 0
   * @returns within RELATIVE_ERROR of the value of nearest rank: the smallest that at least `q` of all values do not exceed
   */
  quantile(q: number, total: number): number {
    const rank = Math.ceil(q * total) - 1;
    let seen = 0;
    for (let place = 0; place < this.size; place++) {
      seen += this.counts[place] ?? 0;
      if (seen > rank) return middleOf(this.keys[place] ?? 0);
    }
    return middleOf(this.keys[this.size - 1] ?? 0);
  }

  /** First place whose key is not below. */
  #placeOf(key: number): number {
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.keys[middle] ?? 0) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #reserve(size: number): void {
    if (size <= this.keys.length) return;
    const length = Math.max(size, this.keys.length * 2);
    const keys = new Int32Array(length);
    const counts = new Float64Array(length);
    keys.set(this.keys);
    counts.set(this.counts);
    this.keys = keys;
    this.counts = counts;
  }
}
