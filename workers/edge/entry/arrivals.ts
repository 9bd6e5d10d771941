// Requests over HTTP on their way in: each counts from its first byte until it is let in or its answer is done, so that what
// is being identified and planned is bounded like sockets that have not said yet who they are.

export class Arrival {
  readonly #onSettled: (arrival: Arrival) => void;
  readonly #onLeft: () => void;
  #hasLeft = false;

  constructor(onSettled: (arrival: Arrival) => void, onLeft: () => void) {
    this.#onSettled = onSettled;
    this.#onLeft = onLeft;
  }

  /** It is counted as a connection now. */
  settle(): void {
    this.#onSettled(this);
  }

  /** Its answer is done, or its client is gone. */
  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#onSettled(this);
    this.#onLeft();
  }
}

export class Arrivals {
  readonly #waiting = new Set<Arrival>();

  /** Those that are neither let in nor done. */
  get count(): number {
    return this.#waiting.size;
  }

  /** @param onLeft called once, when its answer is done */
  add(onLeft: () => void): Arrival {
    const arrival = new Arrival((settled) => void this.#waiting.delete(settled), onLeft);
    this.#waiting.add(arrival);
    return arrival;
  }
}
