// Randomness of a run: the same numbers for the same seed, so that a schedule of faults can be had again.

import { randomInteger } from '../../integration/harness/random.ts';

export class SeededRandom {
  readonly #seed: number;
  #drawn = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Uniform in [0, below). */
  below(limit: number): number {
    this.#drawn += 1;
    return randomInteger(this.#drawn, this.#seed, limit);
  }

  between(first: number, last: number): number {
    return first + this.below(last - first + 1);
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('there is nothing to pick from');
    return item;
  }

  /** Uniform in [0, 1). */
  ratio(): number {
    return this.below(1_000_000) / 1_000_000;
  }
}
