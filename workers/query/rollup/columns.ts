// The cells of a table side by side, as answers read them: one object for each cell is a cache miss for each, and made up two
// thirds of an answer about 60,000 cells (bench suite `rest`).
//
//   numbers    │ count values sum min max lastMicros last │ count values … │      COUNTED of each cell
//   keys       │ bins of cell 0 │ bins of cell 1 │ …                             cell i: [binStarts[i], binStarts[i + 1])

import type { Aggregate, Numbers } from '../../../schemas/rollup/aggregate.ts';
import type { DenseBins } from '../../../schemas/rollup/dense-bins.ts';

const COUNTED = 7;

export class Columns {
  readonly size: number;
  readonly series: Int32Array;
  readonly slots: Uint8Array;
  readonly #numbers: Float64Array;
  readonly #binStarts: Uint32Array;
  readonly #keys: Int32Array;
  readonly #counts: Float64Array;

  /** @param cells by place: series × slots + slot */
  constructor(cells: ReadonlyMap<number, Aggregate>, slots: number) {
    this.size = cells.size;
    let bins = 0;
    for (const { sketch } of cells.values()) bins += sketch.size;
    this.series = new Int32Array(cells.size);
    this.slots = new Uint8Array(cells.size);
    this.#numbers = new Float64Array(cells.size * COUNTED);
    this.#binStarts = new Uint32Array(cells.size + 1);
    this.#keys = new Int32Array(bins);
    this.#counts = new Float64Array(bins);
    let [cell, bin] = [0, 0];
    for (const [place, { count, values, sum, min, max, lastMicros, last, sketch }] of cells) {
      this.series[cell] = Math.floor(place / slots);
      this.slots[cell] = place % slots;
      this.#numbers.set([count, values, sum, min, max, lastMicros, last], cell * COUNTED);
      this.#keys.set(sketch.keys.subarray(0, sketch.size), bin);
      this.#counts.set(sketch.counts.subarray(0, sketch.size), bin);
      bin += sketch.size;
      cell += 1;
      this.#binStarts[cell] = bin;
    }
  }

  countOf(cell: number): number {
    return this.#numbers[cell * COUNTED] ?? 0;
  }

  mergeInto(into: Numbers, cell: number): void {
    const [at, of] = [cell * COUNTED, this.#numbers];
    const values = of[at + 1] ?? 0;
    const [sum, min, max] = [of[at + 2] ?? 0, of[at + 3] ?? 0, of[at + 4] ?? 0];
    into.mergeNumbers(of[at] ?? 0, values, sum, min, max, of[at + 5] ?? 0, of[at + 6] ?? 0);
  }

  addBins(into: DenseBins, cell: number): void {
    into.add(this.#keys, this.#counts, this.#binStarts[cell] ?? 0, this.#binStarts[cell + 1] ?? 0);
  }
}
