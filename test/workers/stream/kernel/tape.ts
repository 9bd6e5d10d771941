// Random choices that can be repeated and made smaller. A generator draws every choice from a tape; the numbers drawn are
// the case. Fewer and smaller numbers give a smaller case, whatever the generator builds of them.

import type { Choose } from '../../../schemas/plan/pools.ts';

export interface Tape {
  readonly choose: Choose;
  /** Every number drawn so far. */
  readonly drawn: readonly number[];
}

/** A tape without end; the same seed gives the same numbers. (mulberry32, Tommy Ettinger, public domain) */
export function seededTape(seed: number): Tape {
  let state = seed >>> 0;
  const drawn: number[] = [];
  const choose = (count: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    const number = Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * count);
    drawn.push(number);
    return number;
  };
  return { choose, drawn };
}

/** Gives `numbers` again, and 0 behind their end. */
export function replayedTape(numbers: readonly number[]): Tape {
  const drawn: number[] = [];
  const choose = (count: number): number => {
    const number = (numbers[drawn.length] ?? 0) % Math.max(1, count);
    drawn.push(number);
    return number;
  };
  return { choose, drawn };
}

/**
 * The smallest tape found that still fails: leaves out stretches of numbers, then makes single ones smaller.
 *
 * @param fails must be deterministic
 * @param isOutOfTime asked before each attempt
 */
export function minimised(
  numbers: readonly number[],
  fails: (numbers: readonly number[]) => boolean,
  isOutOfTime: () => boolean,
): readonly number[] {
  let best = numbers;
  const isBetter = (candidate: readonly number[]): boolean => {
    if (isOutOfTime() || !fails(candidate)) return false;
    best = candidate;
    return true;
  };
  for (let stretch = 2 ** Math.floor(Math.log2(Math.max(1, best.length))); stretch >= 1; stretch = stretch / 2) {
    for (let at = 0; at < best.length; ) {
      if (!isBetter([...best.slice(0, at), ...best.slice(at + stretch)])) at += stretch;
      if (isOutOfTime()) return best;
    }
  }
  for (let at = 0; at < best.length; at++) {
    for (let smaller = 0; smaller < (best[at] ?? 0); smaller = Math.ceil((smaller + (best[at] ?? 0)) / 2)) {
      if (isBetter(best.with(at, smaller)) || isOutOfTime()) break;
    }
  }
  return best;
}
