// A subscription that the edge's copy of the catalog does not fit: the topic may have been created a moment ago, or have
// grown, and its notice was lost. Only what Redis holds now can say that there is no such topic, since a client gives up
// over that answer.

import { catalogIsAway, mayBeMended } from '../../platform/catalog-look.ts';
import type { SubscriptionView } from '../../schemas/connection-control.ts';
import type { Identity } from '../../schemas/identity/identity.ts';
import type { AskingClient, ClientSubscription } from './client.ts';

export interface AwaitedOptions {
  readonly id: string;
  readonly client: AskingClient;
  /** @returns whether the catalog was read since it was asked; false: it could not be */
  readonly lookAnew: () => Promise<boolean>;
  /** @throws MdsError when it cannot be begun */
  readonly begin: () => ClientSubscription;
}

export class AwaitedSubscription implements ClientSubscription {
  readonly id: string;
  readonly #options: AwaitedOptions;
  #begun: ClientSubscription | null = null;
  #hasEnded = false;

  constructor(options: AwaitedOptions) {
    this.id = options.id;
    this.#options = options;
    void options.lookAnew().then((hasLooked) => this.#begin(hasLooked));
  }

  /** Null until the catalog was read. */
  get begun(): ClientSubscription | null {
    return this.#begun;
  }

  get isEnded(): boolean {
    return this.#hasEnded || this.#begun?.isEnded === true;
  }

  get wantsRoom(): boolean {
    return this.#begun?.wantsRoom === true;
  }

  view(): SubscriptionView {
    return this.#begun?.view() ?? { ...NOTHING_YET, id: this.id };
  }

  recheck(identity: Identity): void {
    this.#begun?.recheck(identity);
  }

  advance(): void {
    this.#begun?.advance();
  }

  end(): void {
    this.#hasEnded = true;
    this.#begun?.end();
  }

  #begin(hasLooked: boolean): void {
    if (this.#hasEnded) return;
    const { client, begin } = this.#options;
    try {
      this.#begun = begin();
      if (this.#hasEnded) this.#begun.end(); // the answer was too much for its client
    } catch (error) {
      this.#hasEnded = true;
      client.onSubscriptionEnded(this);
      client.refuse(this.id, mayBeMended(error) && !hasLooked ? catalogIsAway(error) : error);
    }
  }
}

const NOTHING_YET: Omit<SubscriptionView, 'id'> = {
  kind: 'shared',
  topic: '',
  filter: '',
  channel: '',
  state: 'joining',
  deliveredEvents: 0,
  droppedEvents: 0,
  conflatedEvents: 0,
  inFlightEvents: 0,
  latencyMs: null,
};
