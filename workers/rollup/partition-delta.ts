// What one partition's records have added since the last flush: aggregates by minute, second and series, and how many
// events had no place in them. Thrown away as a whole when the flush fails: Kafka has the records still.

import { Aggregate } from '../../schemas/rollup/aggregate.ts';
import { type Cell, MINUTE_MICROS } from '../../schemas/rollup/series-block.ts';

const SECOND_MICROS = 1_000_000;
const SECONDS = 60;

/** Events that are in no window, each counted once in one of these. */
export interface LeftOut {
  /** Their minute was closed already, or is older than what is kept. */
  readonly late: number;
  /** Their time is in the future. */
  readonly ahead: number;
}

/** Which times are taken; µs since 1970. */
export interface TimeBounds {
  /** Events of this minute and of older ones are late. */
  readonly closedMinute: number;
  readonly oldestMicros: number;
  readonly newestMicros: number;
}

export class PartitionDelta implements LeftOut {
  /** By minute since 1970, then by place of the series × 60 + second. */
  readonly #minutes = new Map<number, Map<number, Aggregate>>();
  events = 0;
  late = 0;
  ahead = 0;
  /** Records that cannot be read: their events are not known. */
  unreadableRecords = 0;
  newestMicros = 0;
  cells = 0;
  nextOffset: number;

  constructor(nextOffset: number) {
    this.nextOffset = nextOffset;
  }

  add(place: number, micros: number, value: number | null, bounds: TimeBounds): void {
    this.events += 1;
    const minute = Math.floor(micros / MINUTE_MICROS);
    if (minute <= bounds.closedMinute || micros < bounds.oldestMicros) {
      this.late += 1;
      return;
    }
    if (micros > bounds.newestMicros) {
      this.ahead += 1;
      return;
    }
    if (micros > this.newestMicros) this.newestMicros = micros;
    let aggregates = this.#minutes.get(minute);
    if (!aggregates) {
      aggregates = new Map();
      this.#minutes.set(minute, aggregates);
    }
    const second = Math.floor((micros - minute * MINUTE_MICROS) / SECOND_MICROS);
    const cell = place * SECONDS + second;
    let aggregate = aggregates.get(cell);
    if (!aggregate) {
      aggregate = new Aggregate();
      aggregates.set(cell, aggregate);
      this.cells += 1;
    }
    aggregate.add(value, micros);
  }

  get minutes(): number[] {
    return [...this.#minutes.keys()].sort((a, b) => a - b);
  }

  /** @param idOf number of the series at a place; places that share one are merged */
  cellsOf(minute: number, idOf: (place: number) => number): Cell[] {
    const cells = new Map<number, Cell>();
    for (const [cell, aggregate] of this.#minutes.get(minute) ?? []) {
      const series = idOf(Math.floor(cell / SECONDS));
      const slot = cell % SECONDS;
      const known = cells.get(series * SECONDS + slot);
      if (known) known.aggregate.merge(aggregate);
      else cells.set(series * SECONDS + slot, { series, slot, aggregate });
    }
    return [...cells.values()];
  }
}
