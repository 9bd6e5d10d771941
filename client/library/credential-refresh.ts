// Shows the edge a new credential before the present one expires, on the same connection: nothing that is subscribed
// notices it. When none can be got, it is tried again until the edge closes the connection, and then with the next one.

import { MdsError } from '../../schemas/errors.ts';
import type { ClientMessage } from '../../schemas/frames.ts';
import { type Backoff, backoffMs } from './backoff.ts';
import type { CredentialSource } from './credential.ts';
import type { Runtime } from './runtime.ts';

export interface RefreshOptions {
  readonly credentials: CredentialSource;
  readonly runtime: Pick<Runtime, 'clock' | 'random'>;
  readonly backoff: Backoff;
  readonly send: (message: ClientMessage) => void;
  /** It could not be got, or not be sent; it is tried again. */
  readonly onError: (error: MdsError) => void;
}

/** A fifth of its time before it ends, and a minute at the most: room for a sign-in service that is away for a moment. */
const LEAD_SHARE = 0.2;
const MAX_LEAD_MS = 60_000;
/** Clients that connected together need not renew together. */
const SPREAD_SHARE = 0.5;
/** Timers cannot wait for more than 24.8 days. */
const MAX_DELAY_MS = 2_000_000_000;

export class CredentialRefresh {
  readonly #options: RefreshOptions;
  #cancel: (() => void) | null = null;
  #failures = 0;
  /** Grows with each start and stop: an answer for an earlier connection is dropped. */
  #round = 0;

  constructor(options: RefreshOptions) {
    this.#options = options;
  }

  /** The edge has accepted a credential. @param expiresInMs null: it does not expire */
  start(expiresInMs: number | null): void {
    this.stop();
    if (expiresInMs === null || !this.#options.credentials.isRenewable) return;
    const { random } = this.#options.runtime;
    const leadMs = Math.min(MAX_LEAD_MS, expiresInMs * LEAD_SHARE) * (1 + SPREAD_SHARE * random());
    this.#plan(Math.max(0, expiresInMs - leadMs));
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#failures = 0;
    this.#round += 1;
  }

  #plan(delayMs: number): void {
    const round = this.#round;
    this.#cancel = this.#options.runtime.clock.after(Math.min(delayMs, MAX_DELAY_MS), () => void this.#renew(round));
  }

  async #renew(round: number): Promise<void> {
    const { credentials, send, onError, backoff, runtime } = this.#options;
    try {
      const credential = await credentials.renew();
      if (round !== this.#round || credential === null) return;
      send({ type: 'auth', credential });
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      if (round !== this.#round) return;
      onError(error);
      this.#plan(backoffMs(this.#failures++, backoff, runtime.random));
    }
  }
}
