// The series of one rollup by number, and the groupings that were asked for lately: which series a filter takes and which
// group each belongs to is found once for each series, not once for each request.

import { dimensionsOf, type SeriesDimensions } from '../../../schemas/rollup/definition.ts';
import { type Grouping, NOT_ASKED } from './aggregation.ts';
import type { Dimension, DimensionValue } from './dimension.ts';
import type { SeriesFilter } from './series-filter.ts';

const MAX_GROUPINGS = 200;
/** Beyond it a grouping is not remembered: 200 of 200,000 series would be much memory. */
const MAX_REMEMBERED_SERIES = 20_000;

export class SeriesDirectory {
  /** By number; 0 is the overflow, which has no dimensions. */
  readonly #series: SeriesDimensions[] = [{ fields: [], labels: {} }];
  readonly #groupings = new Map<string, SeriesGrouping>();
  readonly #read: (afterId: number) => Promise<readonly (readonly [number, string])[]>;
  #reading: Promise<void> | null = null;

  constructor(read: (afterId: number) => Promise<readonly (readonly [number, string])[]>) {
    this.#read = read;
  }

  /** Knows all numbers up to this one afterwards, for numbers are given without a hole. */
  async reach(id: number): Promise<void> {
    while (id >= this.#series.length) {
      const before = this.#series.length;
      this.#reading ??= this.#readMore().finally(() => {
        this.#reading = null;
      });
      await this.#reading;
      if (this.#series.length === before) return; // its rollup was deleted meanwhile
    }
  }

  /**
   * @param key equal for equal filters and dimensions
   * @param filter null: takes every series
   */
  grouping(key: string, filter: SeriesFilter | null, dimensions: readonly Dimension[]): Grouping {
    const known = this.#groupings.get(key);
    const grouping = known ?? new SeriesGrouping(this.#series, filter, dimensions);
    this.#groupings.delete(key);
    if (this.#series.length <= MAX_REMEMBERED_SERIES) this.#groupings.set(key, grouping);
    const [oldest] = this.#groupings.keys();
    if (oldest !== undefined && this.#groupings.size > MAX_GROUPINGS) this.#groupings.delete(oldest);
    return grouping;
  }

  async #readMore(): Promise<void> {
    for (const [id, key] of await this.#read(this.#series.length - 1)) this.#series[id] = dimensionsOf(key);
  }
}

class SeriesGrouping implements Grouping {
  readonly groups: DimensionValue[][] = [];
  readonly overflowGroup: number | null;
  readonly #series: readonly SeriesDimensions[];
  readonly #filter: SeriesFilter | null;
  readonly #dimensions: readonly Dimension[];
  readonly #byValues = new Map<string, number>();
  /** By number of the series. */
  readonly #places: number[] = [];

  constructor(series: readonly SeriesDimensions[], filter: SeriesFilter | null, dimensions: readonly Dimension[]) {
    this.#series = series;
    this.#filter = filter;
    this.#dimensions = dimensions;
    // Without filter and dimensions every event belongs to the one group, whatever its series.
    this.overflowGroup = filter === null && dimensions.length === 0 ? this.#placeOf([]) : null;
  }

  groupOf(id: number): number {
    const known = this.#places[id];
    if (known !== undefined) return known;
    const series = this.#series[id];
    if (!series) return NOT_ASKED;
    const isTaken = this.#filter === null || this.#filter(series);
    const place = isTaken ? this.#placeOf(this.#dimensions.map((dimension) => dimension(series))) : NOT_ASKED;
    this.#places[id] = place;
    return place;
  }

  #placeOf(values: DimensionValue[]): number {
    const key = JSON.stringify(values);
    const known = this.#byValues.get(key);
    if (known !== undefined) return known;
    const place = this.groups.push(values) - 1;
    this.#byValues.set(key, place);
    return place;
  }
}
