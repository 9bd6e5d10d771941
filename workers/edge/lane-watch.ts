// Sees whether the lane lives: a lane that says nothing is probed, and one on which probes do not come back is starved,
// however well its connection looks. Pure but for what it is given.
//
//   heard ──300 ms──▶ probe ──250 ms──▶ probe ──▶ …   any arrival: all is well
//                       └─ accepted by Redis, not back within 500 ms ─▶ starved
//
// Only what Redis has accepted counts: when Redis itself does not answer, a new connection would not help.

/** Workers' watermarks come every 250 ms. */
const QUIET_MS = 300;
const PROBE_INTERVAL_MS = 250;
const ANSWER_MS = 500;
/** A tick that comes later than this: the process itself stood still, and what arrived has not been read yet. */
const STOOD_STILL_MS = 200;
const MAX_NUMBER = 0xffffffff;

export type StarvedReason =
  /** Redis took the probe, and it did not arrive. */
  | 'probe_lost'
  /** Redis says that nobody listens on the lane. */
  | 'not_subscribed'
  /** The connection that publishes probes gets no answers although it looks connected. */
  | 'commands_stalled';

export interface LaneWatchOptions {
  /** Publishes a probe on the lane. @returns how many listeners it had; rejects when Redis does not take it */
  readonly publish: (number: number) => Promise<number>;
  /** False: a probe that is rejected says nothing, the connection is lost and knows it. */
  readonly isPublisherConnected: () => boolean;
  /** Called again and again while it lasts. */
  readonly onStarved: (reason: StarvedReason) => void;
  readonly now: () => number;
}

export class LaneWatch {
  readonly #options: LaneWatchOptions;
  #heardMs: number;
  #tickedMs: number;
  #probedMs = 0;
  #lastNumber = 0;
  /** Probes up to this one need not come any more. */
  #settledNumber = 0;
  /** When Redis accepted the oldest probe that has not come back; null when there is none. */
  #acceptedMs: number | null = null;
  #isPublishing = false;

  constructor(options: LaneWatchOptions) {
    this.#options = options;
    this.#heardMs = options.now();
    this.#tickedMs = this.#heardMs;
  }

  /** Something came on the lane, or it has just been connected. */
  onSign(): void {
    this.#heardMs = this.#options.now();
    this.#settledNumber = this.#lastNumber;
    this.#acceptedMs = null;
  }

  tick(): void {
    const nowMs = this.#options.now();
    const sinceTickMs = nowMs - this.#tickedMs;
    this.#tickedMs = nowMs;
    if (sinceTickMs > STOOD_STILL_MS) {
      this.#heardMs += sinceTickMs;
      if (this.#acceptedMs !== null) this.#acceptedMs += sinceTickMs;
      return;
    }
    if (this.#acceptedMs !== null && nowMs - this.#acceptedMs >= ANSWER_MS) this.#options.onStarved('probe_lost');
    if (nowMs - this.#heardMs >= QUIET_MS && nowMs - this.#probedMs >= PROBE_INTERVAL_MS) this.#probe(nowMs);
  }

  #probe(nowMs: number): void {
    if (this.#isPublishing) return;
    const { publish, isPublisherConnected, onStarved } = this.#options;
    this.#isPublishing = true;
    this.#probedMs = nowMs;
    this.#lastNumber = (this.#lastNumber % MAX_NUMBER) + 1;
    const number = this.#lastNumber;
    publish(number)
      .then(
        (listeners) => this.#onAccepted(number, listeners),
        () => {
          // A connection that is lost says so by itself, and comes back by itself.
          if (isPublisherConnected()) onStarved('commands_stalled');
        },
      )
      .finally(() => {
        this.#isPublishing = false;
      });
  }

  #onAccepted(number: number, listeners: number): void {
    if (number === this.#settledNumber) return; // it was faster than the answer to its publisher
    if (listeners === 0) this.#options.onStarved('not_subscribed');
    this.#acceptedMs ??= this.#options.now();
  }
}
