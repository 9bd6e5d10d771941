// One bin for each key there can be: merges many sketches without moving a bin, and is emptied and used again. An hour of
// 1,000 series is aggregated with percentiles in a third of the time that merging into sorted bins takes (bench suite `rest`).

import { MAX_KEY, middleOf } from './sketch.ts';

export class DenseBins {
  readonly #counts = new Float64Array(2 * MAX_KEY + 1);
  /** Places of the first and the last bin that may hold something. */
  #first = this.#counts.length;
  #last = -1;

  /** Adds the bins `from` to `to` of sorted keys with their counts. */
  add(keys: Int32Array, counts: Float64Array, from: number, to: number): void {
    if (to <= from) return;
    const own = this.#counts;
    for (let i = from; i < to; i++) {
      const place = (keys[i] ?? 0) + MAX_KEY;
      own[place] = (own[place] ?? 0) + (counts[i] ?? 0);
    }
    this.#first = Math.min(this.#first, (keys[from] ?? 0) + MAX_KEY);
    this.#last = Math.max(this.#last, (keys[to - 1] ?? 0) + MAX_KEY);
  }

  clear(): void {
    this.#counts.fill(0, this.#first, this.#last + 1);
    this.#first = this.#counts.length;
    this.#last = -1;
  }

  /** As `Sketch` says it. */
  quantile(q: number, total: number): number {
    const rank = Math.ceil(q * total) - 1;
    let seen = 0;
    for (let place = this.#first; place <= this.#last; place++) {
      seen += this.#counts[place] ?? 0;
      if (seen > rank) return middleOf(place - MAX_KEY);
    }
    return middleOf(this.#last - MAX_KEY);
  }
}
