// The aggregates of one bucket in memory: one for each series, or for each series and second.

import { Aggregate } from '../../../schemas/rollup/aggregate.ts';
import type { Cell } from '../../../schemas/rollup/series-block.ts';

const SLOTS = 60;

let lastStamp = 0;

export class SeriesTable {
  readonly #cells = new Map<number, Aggregate>();

  /** Of its state: another one after each change, and greater than that of any table before. */
  stamp = ++lastStamp;

  /** The greatest number of a series here. */
  lastSeries = 0;

  get size(): number {
    return this.#cells.size;
  }

  /** @param bySlot false: seconds are merged into their minute */
  add({ series, slot, aggregate }: Cell, bySlot: boolean): void {
    const place = series * SLOTS + (bySlot ? slot : 0);
    let known = this.#cells.get(place);
    if (!known) {
      if (series > this.lastSeries) this.lastSeries = series;
      known = new Aggregate();
      this.#cells.set(place, known);
    }
    known.merge(aggregate);
  }

  /** After cells were added. */
  changed(): void {
    this.stamp = ++lastStamp;
  }

  forEach(visit: (series: number, slot: number, aggregate: Aggregate) => void): void {
    for (const [place, aggregate] of this.#cells) visit(Math.floor(place / SLOTS), place % SLOTS, aggregate);
  }
}
