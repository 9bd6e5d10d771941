// Where a client's wish goes: to the channel it shares with others, or to a follower of its own.

import type { ConsumeMessage, SubscribeMessage } from '../../schemas/frames.ts';
import type { Client, ClientSubscription } from './client.ts';
import type { Delivery } from './delivery.ts';
import type { OverflowDoor } from './overflow/overflow-door.ts';
import { OverflowSubscription } from './overflow/overflow-subscription.ts';
import { Subscription } from './subscription.ts';

/** Where a wish to take part in a durable subscription goes. */
export type Consume = (client: Client, message: ConsumeMessage) => ClientSubscription;

export class SubscriptionDoor {
  readonly #delivery: Delivery;
  readonly #overflow: OverflowDoor;
  readonly #consume: Consume;

  constructor(delivery: Delivery, overflow: OverflowDoor, consume: Consume) {
    this.#delivery = delivery;
    this.#overflow = overflow;
    this.#consume = consume;
  }

  /** @throws MdsError when the request cannot be met; nothing has begun then */
  subscribe(client: Client, message: SubscribeMessage | ConsumeMessage): ClientSubscription {
    if (message.type === 'consume') return this.#consume(client, message);
    return this.#overflow.subscribe(client, message) ?? this.#delivery.subscribe(client, message);
  }

  /** What came until now goes out before. */
  unsubscribe(subscription: ClientSubscription): void {
    const following = subscription instanceof OverflowSubscription ? subscription.following : subscription;
    if (following instanceof Subscription) this.#delivery.unsubscribe(following);
    else subscription.end();
  }
}
