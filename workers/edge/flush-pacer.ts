// When gathered events are flushed: as soon as there is nothing more to read, but after a flush that took long not before
// the edge has rested as long as that. Writing to a thousand clients costs milliseconds of system calls; without the rest
// an edge under load would spend all of a processor on writing frames of few events, and take it from those who read them.

/** Flushes shorter than this are followed by no rest: there is nothing to save. */
const COSTLY_MS = 0.5;
/** 5 ms: what it may add to the latency of an event; bounds the rest after a flush to very many clients. */
const MAX_REST_MS = 5;

export interface PacerClock {
  /** Milliseconds, with fractions. */
  now(): number;
  /** Behind everything that the sockets of this turn of the event loop have brought. */
  afterReading(action: () => void): void;
  after(delayMs: number, action: () => void): void;
}

export class FlushPacer {
  readonly #clock: PacerClock;
  #notBeforeMs = 0;

  constructor(clock: PacerClock = systemClock) {
    this.#clock = clock;
  }

  /** Calls `flush` once, at the right moment. Not called again before that. */
  plan(flush: () => void): void {
    const run = (): void => {
      const startMs = this.#clock.now();
      flush();
      const endMs = this.#clock.now();
      const tookMs = endMs - startMs;
      this.#notBeforeMs = tookMs < COSTLY_MS ? endMs : endMs + Math.min(tookMs, MAX_REST_MS);
    };
    const restMs = this.#notBeforeMs - this.#clock.now();
    if (restMs > 0) this.#clock.after(restMs, run);
    else this.#clock.afterReading(run);
  }
}

const systemClock: PacerClock = {
  now: () => performance.now(),
  afterReading: (action) => void setImmediate(action),
  after: (delayMs, action) => void setTimeout(action, delayMs),
};
