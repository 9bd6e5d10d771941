// Where a client's wish goes: to the channel it shares with others, or to a follower of its own.

import { MdsError } from '../../schemas/errors.ts';
import type { ConsumeMessage, SubscribeMessage } from '../../schemas/frames.ts';
import type { Client, ClientSubscription } from './client.ts';
import type { Delivery } from './delivery.ts';
import { Subscription } from './subscription.ts';

export class SubscriptionDoor {
  readonly #delivery: Delivery;

  constructor(delivery: Delivery) {
    this.#delivery = delivery;
  }

  /** @throws MdsError when the request cannot be met; nothing has begun then */
  subscribe(client: Client, message: SubscribeMessage | ConsumeMessage): ClientSubscription {
    if (message.type === 'consume') throw new MdsError('MDS_SUBSCRIPTION_UNKNOWN', { id: message.subscription });
    return this.#delivery.subscribe(client, message);
  }

  /** What came until now goes out before. */
  unsubscribe(subscription: ClientSubscription): void {
    if (subscription instanceof Subscription) this.#delivery.unsubscribe(subscription);
    else subscription.end();
  }
}
