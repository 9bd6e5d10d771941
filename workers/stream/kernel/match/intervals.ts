// Postings of number ranges: which ranges hold this value? A treap ordered by lower bound, where each node knows the
// highest upper bound below it: O(log n + found) to ask, O(log n) to add or remove.
// Source: Cormen et al., Introduction to Algorithms, "Interval trees"; Seidel and Aragon, "Randomized search trees" (1996).
//
// Bounds are inclusive: an exclusive one is the next number in that direction.

import type { Posting } from './posting.ts';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

interface Node extends Interval {
  readonly posting: Posting;
  readonly priority: number;
  left: Node | null;
  right: Node | null;
  /** Highest `high` of this node and all below. */
  reach: number;
}

export class IntervalTree {
  #root: Node | null = null;
  #random = 0x2545f491;

  get isEmpty(): boolean {
    return this.#root === null;
  }

  get(interval: Interval): Posting | null {
    let node = this.#root;
    while (node !== null) {
      const order = compare(interval, node);
      if (order === 0) return node.posting;
      node = order < 0 ? node.left : node.right;
    }
    return null;
  }

  /** The interval must not be there yet. */
  insert({ low, high }: Interval, posting: Posting): void {
    const node: Node = { low, high, posting, priority: this.#nextRandom(), left: null, right: null, reach: high };
    this.#root = insert(this.#root, node);
  }

  delete(interval: Interval): void {
    this.#root = remove(this.#root, interval);
  }

  /** Calls `found` for each posting whose interval holds `value`; NaN is in none. */
  stab(value: number, found: (posting: Posting) => void): void {
    if (this.#root !== null) stab(this.#root, value, found);
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

const compare = (a: Interval, b: Interval): number => a.low - b.low || a.high - b.high || 0;

function stab(node: Node, value: number, found: (posting: Posting) => void): void {
  if (!(value <= node.reach)) return;
  if (node.left !== null) stab(node.left, value, found);
  if (value < node.low) return;
  if (value <= node.high) found(node.posting);
  if (node.right !== null) stab(node.right, value, found);
}

function insert(root: Node | null, node: Node): Node {
  if (root === null) return node;
  if (node.priority > root.priority) {
    [node.left, node.right] = split(root, node);
    return measured(node);
  }
  if (compare(node, root) < 0) root.left = insert(root.left, node);
  else root.right = insert(root.right, node);
  return measured(root);
}

function remove(root: Node | null, interval: Interval): Node | null {
  if (root === null) return null;
  const order = compare(interval, root);
  if (order === 0) return merge(root.left, root.right);
  if (order < 0) root.left = remove(root.left, interval);
  else root.right = remove(root.right, interval);
  return measured(root);
}

function split(root: Node | null, at: Interval): [Node | null, Node | null] {
  if (root === null) return [null, null];
  if (compare(root, at) < 0) {
    const [left, right] = split(root.right, at);
    root.right = left;
    return [measured(root), right];
  }
  const [left, right] = split(root.left, at);
  root.left = right;
  return [left, measured(root)];
}

function merge(left: Node | null, right: Node | null): Node | null {
  if (left === null || right === null) return left ?? right;
  if (left.priority > right.priority) {
    left.right = merge(left.right, right);
    return measured(left);
  }
  right.left = merge(left, right.left);
  return measured(right);
}

function measured(node: Node): Node {
  node.reach = Math.max(node.high, node.left?.reach ?? node.high, node.right?.reach ?? node.high);
  return node;
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
