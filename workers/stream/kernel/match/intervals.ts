// Postings of number ranges: which ranges hold this value? A treap ordered by lower bound, where each node knows the
// highest upper bound below it: O(log n + found) to ask, O(log n) to add or remove. Nodes are rows of typed arrays: an
// object's numbers would each be one more jump through memory.
// Source: Cormen et al., Introduction to Algorithms, "Interval trees"; Seidel and Aragon, "Randomized search trees" (1996).
//
// Bounds are inclusive: an exclusive one is the next number in that direction.

import type { Posting } from './posting.ts';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** No node: row 0 is never used. Its reach is below everything, so that it adds nothing to that of its parent. */
const NONE = 0;
const MIN_ROWS = 16;

export class IntervalTree {
  #root = NONE;
  #low = new Float64Array(MIN_ROWS);
  #high = new Float64Array(MIN_ROWS);
  /** Highest `high` of a node and all below. */
  #reach = new Float64Array(MIN_ROWS).fill(Number.NEGATIVE_INFINITY);
  #left = new Int32Array(MIN_ROWS);
  #right = new Int32Array(MIN_ROWS);
  #priority = new Int32Array(MIN_ROWS);
  readonly #postings: (Posting | null)[] = [null];
  readonly #free: number[] = [];
  #rows = 1;
  #random = 0x2545f491;

  get(interval: Interval): Posting | null {
    let node = this.#root;
    while (node !== NONE) {
      const order = this.#compare(interval, node);
      if (order === 0) return this.#postings[node] ?? null;
      node = (order < 0 ? this.#left[node] : this.#right[node]) ?? NONE;
    }
    return null;
  }

  /** The interval must not be there yet. */
  insert({ low, high }: Interval, posting: Posting): void {
    const node = this.#newRow();
    this.#low[node] = low;
    this.#high[node] = high;
    this.#reach[node] = high;
    this.#left[node] = NONE;
    this.#right[node] = NONE;
    this.#priority[node] = this.#nextRandom();
    this.#postings[node] = posting;
    this.#root = this.#insert(this.#root, node);
  }

  delete(interval: Interval): void {
    this.#root = this.#delete(this.#root, interval);
  }

  /** Calls `found` for each posting whose interval holds `value`; NaN is in none. */
  stab(value: number, found: (posting: Posting) => void): void {
    if (this.#root !== NONE) this.#stab(this.#root, value, found);
  }

  #stab(root: number, value: number, found: (posting: Posting) => void): void {
    let node = root;
    while (node !== NONE && value <= (this.#reach[node] ?? 0)) {
      const left = this.#left[node] ?? NONE;
      const isBehindLow = value >= (this.#low[node] ?? 0);
      if (!isBehindLow) {
        node = left;
        continue;
      }
      if (left !== NONE && value <= (this.#reach[left] ?? 0)) this.#stab(left, value, found);
      const posting = this.#postings[node];
      if (value <= (this.#high[node] ?? 0) && posting) found(posting);
      node = this.#right[node] ?? NONE;
    }
  }

  #compare({ low, high }: Interval, node: number): number {
    const lows = low - (this.#low[node] ?? 0);
    if (lows < 0 || lows > 0) return lows;
    return high < (this.#high[node] ?? 0) ? -1 : high > (this.#high[node] ?? 0) ? 1 : 0;
  }

  #intervalOf(node: number): Interval {
    return { low: this.#low[node] ?? 0, high: this.#high[node] ?? 0 };
  }

  #insert(root: number, node: number): number {
    if (root === NONE) return node;
    const interval = this.#intervalOf(node);
    if ((this.#priority[node] ?? 0) > (this.#priority[root] ?? 0)) {
      const [left, right] = this.#split(root, interval);
      this.#left[node] = left;
      this.#right[node] = right;
      return this.#measured(node);
    }
    if (this.#compare(interval, root) < 0) this.#left[root] = this.#insert(this.#left[root] ?? NONE, node);
    else this.#right[root] = this.#insert(this.#right[root] ?? NONE, node);
    return this.#measured(root);
  }

  #delete(root: number, interval: Interval): number {
    if (root === NONE) return NONE;
    const order = this.#compare(interval, root);
    if (order === 0) {
      const merged = this.#merge(this.#left[root] ?? NONE, this.#right[root] ?? NONE);
      this.#postings[root] = null;
      this.#free.push(root);
      return merged;
    }
    if (order < 0) this.#left[root] = this.#delete(this.#left[root] ?? NONE, interval);
    else this.#right[root] = this.#delete(this.#right[root] ?? NONE, interval);
    return this.#measured(root);
  }

  /** @returns the tree of what comes before `at`, and the tree of the rest */
  #split(root: number, at: Interval): [number, number] {
    if (root === NONE) return [NONE, NONE];
    if (this.#compare(at, root) > 0) {
      const [left, right] = this.#split(this.#right[root] ?? NONE, at);
      this.#right[root] = left;
      return [this.#measured(root), right];
    }
    const [left, right] = this.#split(this.#left[root] ?? NONE, at);
    this.#left[root] = right;
    return [left, this.#measured(root)];
  }

  #merge(left: number, right: number): number {
    if (left === NONE || right === NONE) return left || right;
    if ((this.#priority[left] ?? 0) > (this.#priority[right] ?? 0)) {
      this.#right[left] = this.#merge(this.#right[left] ?? NONE, right);
      return this.#measured(left);
    }
    this.#left[right] = this.#merge(left, this.#left[right] ?? NONE);
    return this.#measured(right);
  }

  #measured(node: number): number {
    const left = this.#reach[this.#left[node] ?? NONE] ?? 0;
    const right = this.#reach[this.#right[node] ?? NONE] ?? 0;
    this.#reach[node] = Math.max(this.#high[node] ?? 0, left, right);
    return node;
  }

  #newRow(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#rows === this.#low.length) this.#grow();
    return this.#rows++;
  }

  #grow(): void {
    const rows = this.#rows * 2;
    const grown = <T extends Float64Array | Int32Array>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    this.#low = grown(new Float64Array(rows), this.#low);
    this.#high = grown(new Float64Array(rows), this.#high);
    this.#reach = grown(new Float64Array(rows), this.#reach);
    this.#left = grown(new Int32Array(rows), this.#left);
    this.#right = grown(new Int32Array(rows), this.#right);
    this.#priority = grown(new Int32Array(rows), this.#priority);
  }

  /** Xorshift: shapes the tree, needs no secrecy and no clock. */
  #nextRandom(): number {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x;
    return x;
  }
}

const BITS = new DataView(new ArrayBuffer(8));

/** The smallest number above a finite `value`. */
export function nextUp(value: number): number {
  if (value === Number.POSITIVE_INFINITY) return value;
  if (value === 0) return Number.MIN_VALUE;
  BITS.setFloat64(0, value);
  const bits = BITS.getBigInt64(0);
  BITS.setBigInt64(0, value > 0 ? bits + 1n : bits - 1n);
  return BITS.getFloat64(0);
}

export const nextDown = (value: number): number => -nextUp(-value);
