// What one channel must deliver, cursor by cursor, known without the service: from the templates and the filter. Every event
// that arrives is held against the next one that is due.

import { type LoadEvent, type LoadShape, templateAt } from './events.ts';
import type { LoadFilter } from './filters.ts';

const EMPTY = new Int32Array(0);

/** For each template, the places of the events that the filter wants, rising. */
export type Wanted = readonly Int32Array[];

export const wantedBy = ({ wants }: LoadFilter, templates: readonly (readonly LoadEvent[])[]): Wanted =>
  templates.map((events) => {
    const places = events.flatMap((event, i) => (wants(event) ? [i] : []));
    return places.length === 0 ? EMPTY : Int32Array.from(places);
  });

/** Events wanted of records 0 … before - 1 of each partition. */
export function expectedCount(
  wanted: Wanted,
  { partitions, templates }: LoadShape,
  recordsByPartition: readonly number[],
): number {
  let count = 0;
  wanted.forEach((places, template) => {
    if (places.length === 0) return;
    // Offsets at which this template stands in a partition: one in each round through the templates.
    recordsByPartition.forEach((records, partition) => {
      for (let offset = 0; offset < Math.min(records, templates); offset++) {
        if ((offset * partitions + partition) % templates !== template) continue;
        count += places.length * Math.ceil((records - offset) / templates);
      }
    });
  });
  return count;
}

export interface Faults {
  /** Due, and something later came instead. */
  lost: number;
  /** Not due any more, or never. */
  unexpected: number;
}

/** One subscription's progress in one partition. */
export class ExpectedStream {
  readonly #wanted: Wanted;
  readonly #shape: LoadShape;
  readonly #partition: number;
  readonly #faults: Faults;
  #offset: number;
  #next = 0;

  /** @param from offset of the first record that counts */
  constructor(wanted: Wanted, shape: LoadShape, partition: number, from: number, faults: Faults) {
    this.#wanted = wanted;
    this.#shape = shape;
    this.#partition = partition;
    this.#offset = from;
    this.#faults = faults;
    this.#skipEmpty();
  }

  /** An event arrived. */
  take(offset: number, index: number): void {
    while (this.#offset < offset || (this.#offset === offset && this.#due() < index)) {
      this.#faults.lost++;
      this.#advance();
    }
    if (this.#offset === offset && this.#due() === index) this.#advance();
    else this.#faults.unexpected++;
  }

  /** Events still due of records before `end`. */
  missing(end: number): number {
    let count = 0;
    for (; this.#offset < end; count++) this.#advance();
    return count;
  }

  #due(): number {
    return this.#places()[this.#next] ?? Number.POSITIVE_INFINITY;
  }

  #places(): Int32Array {
    return this.#wanted[templateAt(this.#shape, this.#partition, this.#offset)] ?? EMPTY;
  }

  #advance(): void {
    this.#next++;
    this.#skipEmpty();
  }

  /** To the next record with something in it; a filter that wants nothing of all templates is never due. */
  #skipEmpty(): void {
    for (let skipped = 0; this.#next >= this.#places().length; skipped++) {
      this.#offset = skipped > this.#shape.templates ? Number.POSITIVE_INFINITY : this.#offset + 1;
      this.#next = 0;
      if (this.#offset === Number.POSITIVE_INFINITY) return;
    }
  }
}
