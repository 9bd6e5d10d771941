// The aggregates of one bucket in memory: one for each series, or for each series and second.

import { Aggregate } from '../../../schemas/rollup/aggregate.ts';
import type { Cell } from '../../../schemas/rollup/series-block.ts';
import { Columns } from './columns.ts';

const SLOTS = 60;

let lastStamp = 0;

export class SeriesTable {
  readonly #cells = new Map<number, Aggregate>();
  /** Null: a cell has changed since they were made. */
  #columns: Columns | null = null;

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
    this.#columns = null;
  }

  /** To be read only as long as nothing is added. */
  get columns(): Columns {
    this.#columns ??= new Columns(this.#cells, SLOTS);
    return this.#columns;
  }
}
