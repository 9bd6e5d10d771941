// What becomes of an event for all channels that want the same of it: transcoded at most once, and placed at most once in
// each lane's event table.

import type { EventView } from '../match/event-view.ts';
import type { JsonSink } from './json-sink.ts';

export class Projection {
  readonly key: string;
  /** Channels that use it. */
  users = 0;
  /** Where in the sink the event at hand was written. */
  start = 0;
  length = 0;
  readonly #view: EventView;
  readonly #sink: JsonSink;
  readonly #write: () => void;
  #serial = -1;
  /** By lane number: place in the lane's event table, and for which event that holds. */
  readonly #places: number[] = [];
  readonly #placeSerials: number[] = [];

  /** @param write appends the event at hand to the sink */
  constructor(key: string, view: EventView, sink: JsonSink, write: () => void) {
    this.key = key;
    this.#view = view;
    this.#sink = sink;
    this.#write = write;
  }

  transcode(): void {
    const { serial } = this.#view;
    if (this.#serial === serial) return;
    this.start = this.#sink.end;
    this.#write();
    this.length = this.#sink.end - this.start;
    this.#serial = serial;
  }

  /** @returns -1 when the event is not in the lane's table yet */
  placeIn(lane: number): number {
    return this.#placeSerials[lane] === this.#view.serial ? (this.#places[lane] ?? -1) : -1;
  }

  setPlaceIn(lane: number, place: number): void {
    for (let i = this.#placeSerials.length; i < lane; i++) this.#placeSerials[i] = -1; // no holes: they make arrays slow
    this.#places[lane] = place;
    this.#placeSerials[lane] = this.#view.serial;
  }
}
