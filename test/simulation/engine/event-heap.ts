// Everything that will happen, earliest first; what is planned for the same moment happens in the order it was planned in.

import type { SimulatedProcess } from './simulated-process.ts';

export interface PlannedEvent {
  atMs: number;
  order: number;
  /** Null: nobody's, such as a message that reaches a broker. */
  readonly process: SimulatedProcess | null;
  readonly what: string;
  readonly action: () => void;
  isCancelled: boolean;
}

export class EventHeap {
  readonly #events: PlannedEvent[] = [];

  get size(): number {
    return this.#events.length;
  }

  push(event: PlannedEvent): void {
    const events = this.#events;
    let place = events.length;
    events.push(event);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = events[parent];
      if (!above || !isBefore(event, above)) break;
      events[place] = above;
      place = parent;
    }
    events[place] = event;
  }

  pop(): PlannedEvent | undefined {
    const events = this.#events;
    const first = events[0];
    const last = events.pop();
    if (first === last || last === undefined) return first;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      const right = events[child + 1];
      let below = events[child];
      if (right && below && isBefore(right, below)) {
        child += 1;
        below = right;
      }
      if (!below || !isBefore(below, last)) break;
      events[place] = below;
      place = child;
    }
    events[place] = last;
    return first;
  }
}

const isBefore = (a: PlannedEvent, b: PlannedEvent): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
