// What goes out on one connection, no faster than the edge allows: a client with hundreds of subscriptions that reconnects
// would otherwise be closed for its rate. Bounded; when full, sending fails.

import { MdsError } from '../../schemas/errors.ts';
import type { Clock } from './runtime.ts';

const WINDOW_MS = 1000;
/** The edge counts by its own clock, so a fifth stays unused. */
const USED_SHARE = 0.8;
/** More waiting messages than an edge allows subscriptions by far; whoever is here subscribes in a runaway loop. */
const MAX_WAITING = 10_000;

export class Outbox {
  readonly #send: (text: string) => void;
  readonly #clock: Clock;
  readonly #perWindow: number;
  readonly #waiting: string[] = [];
  #windowStartMs: number;
  #sentInWindow = 0;
  #cancelTimer: (() => void) | null = null;

  constructor(send: (text: string) => void, clock: Clock, messagesPerSecond: number) {
    this.#send = send;
    this.#clock = clock;
    this.#perWindow = Math.max(1, Math.floor(messagesPerSecond * USED_SHARE));
    this.#windowStartMs = clock.now();
  }

  /** @throws MdsError `MDS_RATE_LIMITED` when too many messages wait already */
  send(text: string): void {
    if (this.#waiting.length >= MAX_WAITING)
      throw new MdsError('MDS_RATE_LIMITED', { limit: this.#perWindow, what: 'messages a second' });
    this.#waiting.push(text);
    this.#flush();
  }

  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#waiting.length = 0;
  }

  #flush(): void {
    const now = this.#clock.now();
    if (now - this.#windowStartMs >= WINDOW_MS || now < this.#windowStartMs) {
      this.#windowStartMs = now;
      this.#sentInWindow = 0;
    }
    const sent = this.#waiting.splice(0, this.#perWindow - this.#sentInWindow);
    this.#sentInWindow += sent.length;
    for (const text of sent) this.#send(text);
    if (this.#waiting.length === 0 || this.#cancelTimer) return;
    this.#cancelTimer = this.#clock.after(this.#windowStartMs + WINDOW_MS - now, () => {
      this.#cancelTimer = null;
      this.#flush();
    });
  }
}
