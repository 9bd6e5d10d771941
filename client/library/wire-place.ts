// The place of a subscription on the present connection: a new id for each attempt, so that late frames of an earlier one
// find nobody; a refusal that may pass is tried again with backoff.

import { MdsError } from '../../schemas/errors.ts';
import type { ClientMessage } from '../../schemas/frames.ts';
import { backoffMs } from './backoff.ts';
import type { HostedSubscription, SubscriptionHost } from './subscription-host.ts';

export class WirePlace {
  readonly #host: SubscriptionHost;
  readonly #subscription: HostedSubscription;
  readonly #name: string;
  #id: string | null = null;
  #attempts = 0;
  #failures = 0;
  #cancelRetry: (() => void) | null = null;

  /** @param name unique in the client */
  constructor(host: SubscriptionHost, subscription: HostedSubscription, name: string) {
    this.#host = host;
    this.#subscription = subscription;
    this.#name = name;
  }

  /** Null while nothing is asked for. */
  get id(): string | null {
    return this.#id;
  }

  get isConnected(): boolean {
    return this.#host.connected();
  }

  /** A new id for the next attempt. */
  take(): string {
    this.#attempts += 1;
    const id = `${this.#name}.${this.#attempts}`;
    this.#set(id, null);
    return id;
  }

  /** The attempt was successful. @param channel whose shared frames it gets as well; null: none */
  confirm(channel: string | null): void {
    this.#failures = 0;
    this.#set(this.#id, channel);
  }

  /** The connection is gone, or the place on it. */
  lose(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    this.#set(null, null);
  }

  /** The place is lost; `attach()` is called again after a wait that grows with each refusal. */
  retryLater(): void {
    this.lose();
    const { clock, random } = this.#host.runtime;
    const delayMs = backoffMs(this.#failures++, this.#host.backoff, random);
    this.#cancelRetry = clock.after(delayMs, () => this.#subscription.attach());
  }

  /** Tells the edge that nothing more is wanted. */
  leave(): void {
    const id = this.#id;
    this.lose();
    if (id !== null && this.#host.connected()) this.send({ type: 'unsubscribe', id });
  }

  send(message: ClientMessage): void {
    try {
      this.#host.send(message);
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      this.lose();
      this.#subscription.fail(error);
    }
  }

  #set(id: string | null, channel: string | null): void {
    this.#id = id;
    this.#host.route(this.#subscription, id, channel);
  }
}
