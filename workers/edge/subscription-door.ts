// Where a client's wish goes: to the channel it shares with others, or to a follower of its own.

import { mayBeMended } from '../../platform/catalog-look.ts';
import type { ConsumeMessage, SubscribeMessage } from '../../schemas/frames.ts';
import { AwaitedSubscription } from './awaited-subscription.ts';
import type { AskingClient, Client, ClientSubscription } from './client.ts';
import type { SpokenClient } from './client-output.ts';
import type { Delivery } from './delivery.ts';
import type { OverflowDoor } from './overflow/overflow-door.ts';
import { OverflowSubscription } from './overflow/overflow-subscription.ts';
import type { Reading } from './reading.ts';
import { Subscription } from './subscription.ts';

/** Where a wish to take part in a durable subscription goes. */
export type Consume = (client: Client, message: ConsumeMessage) => ClientSubscription;

export interface SubscriptionDoorParts {
  readonly delivery: Delivery;
  readonly overflow: OverflowDoor;
  readonly consume: Consume;
  /** Reads the topics as they are now. @returns false when they could not be read */
  readonly lookAnew: () => Promise<boolean>;
}

export class SubscriptionDoor {
  readonly #parts: SubscriptionDoorParts;

  constructor(parts: SubscriptionDoorParts) {
    this.#parts = parts;
  }

  /** @throws MdsError when the request cannot be met; nothing has begun then */
  subscribe(client: AskingClient, message: SubscribeMessage | ConsumeMessage): ClientSubscription {
    const { consume, lookAnew } = this.#parts;
    if (message.type === 'consume') return consume(client, message);
    try {
      return this.#begin(client, message);
    } catch (error) {
      if (!mayBeMended(error)) throw error;
      return new AwaitedSubscription({ id: message.id, client, lookAnew, begin: () => this.#begin(client, message) });
    }
  }

  /** For a client that is not spoken to in frames. @param reading of the message */
  follow(client: SpokenClient, message: SubscribeMessage, reading: Reading): ClientSubscription {
    client.charge(message.id, reading.plan.cost);
    return this.#parts.overflow.follow(client, message, reading);
  }

  /** What came until now goes out before. */
  unsubscribe(subscription: ClientSubscription): void {
    const begun = subscription instanceof AwaitedSubscription ? subscription.begun : subscription;
    const following = begun instanceof OverflowSubscription ? begun.following : begun;
    if (following instanceof Subscription) this.#parts.delivery.unsubscribe(following);
    else subscription.end();
  }

  #begin(client: AskingClient, message: SubscribeMessage): ClientSubscription {
    const { overflow, delivery } = this.#parts;
    const reading = delivery.readingOf(client, message);
    client.charge(message.id, reading.plan.cost);
    return overflow.subscribe(client, message, reading) ?? delivery.subscribe(client, message, reading);
  }
}
