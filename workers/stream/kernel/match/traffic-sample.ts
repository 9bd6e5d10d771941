// What the traffic looks like: copies of some of the last events, on which predicates are tried to learn how often they are
// true. A fixed number of them, taken at a growing distance while the first fill it, then one in every STRIDE.

import type { Scanner } from '../scan/scanner.ts';
import type { EventView } from './event-view.ts';
import type { Predicate } from './predicate.ts';

/** 64 events tell 1 % from 10 %; more would make every new filter cost more. */
const SAMPLE_EVENTS = 64;
const STRIDE = 1009;
/** Larger events are not sampled: they would cost memory and tell nothing of the others. */
const MAX_EVENT_BYTES = 4096;
/** Weight of what is assumed against what was seen. */
const PRIOR_EVENTS = 2;

export class TrafficSample {
  readonly #scanner: Scanner;
  readonly #view: EventView;
  readonly #events: Uint8Array[] = [];
  #next = 0;
  #countdown = 1;
  #fresh = 0;
  /** Grows whenever half of the sample is new: rates of an older generation are worth measuring again. */
  generation = 0;

  constructor(scanner: Scanner, view: EventView) {
    this.#scanner = scanner;
    this.#view = view;
  }

  /** Called for every event. */
  offer(b: Uint8Array, start: number, end: number): void {
    if (--this.#countdown > 0) return;
    this.#countdown = this.#events.length < SAMPLE_EVENTS ? this.#events.length + 1 : STRIDE;
    if (end - start > MAX_EVENT_BYTES) return;
    this.#events[this.#next] = b.slice(start, end);
    this.#next = (this.#next + 1) % SAMPLE_EVENTS;
    if (++this.#fresh < SAMPLE_EVENTS / 2) return;
    this.#fresh = 0;
    this.generation++;
  }

  /** Measures those whose rate is older than the sample. No event may be at hand. */
  measure(predicates: Iterable<Predicate>): void {
    const stale = [...predicates].filter(({ rateGeneration }) => rateGeneration < this.generation);
    if (stale.length === 0 || this.#events.length === 0) return;
    const counts = new Uint32Array(stale.length);
    for (const event of this.#events) {
      this.#scanner.event(event, 0, event.length);
      this.#view.show(event, 0, event.length);
      for (let i = 0; i < stale.length; i++) if (stale[i]?.test()) counts[i] = (counts[i] ?? 0) + 1;
    }
    this.#view.forget();
    stale.forEach((predicate, i) => {
      const prior = predicate.access?.prior ?? 1;
      predicate.rate = ((counts[i] ?? 0) + prior * PRIOR_EVENTS) / (this.#events.length + PRIOR_EVENTS);
      predicate.rateGeneration = this.generation;
    });
  }
}
