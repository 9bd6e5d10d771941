// Tells live subscriptions how far they have come, so that a resume replays little. Walks over all of them once in each
// interval, a few at every tick, so that many make no spike.

import type { Position } from '../../schemas/cursor.ts';
import { encodeResumeToken } from '../../schemas/resume-token.ts';
import type { Audience, Subscription } from './subscription.ts';
import type { TopicDelivery } from './topic-delivery.ts';

export interface LivePositionsOptions {
  readonly intervalMs: number;
  /** A client with more than this unread is not told. */
  readonly lowWaterBytes: number;
  readonly deliveryOf: (subscription: Subscription) => TopicDelivery | undefined;
}

export class LivePositions {
  readonly #options: LivePositionsOptions;
  readonly #live = new Set<Subscription>();
  #pass: Iterator<Subscription> | null = null;

  constructor(options: LivePositionsOptions) {
    this.#options = options;
  }

  add(subscription: Subscription): void {
    if (subscription.state === 'live') this.#live.add(subscription);
  }

  delete(subscription: Subscription): void {
    this.#live.delete(subscription);
  }

  /** What was gathered must have been flushed: positions do not overtake events. */
  send(elapsedMs: number): void {
    const { intervalMs, lowWaterBytes, deliveryOf } = this.#options;
    const share = Math.min(1, elapsedMs / intervalMs);
    const reached = new Map<TopicDelivery, { readonly token: string; readonly position: Position }>();
    for (let due = Math.ceil(this.#live.size * share); due > 0; due--) {
      this.#pass ??= this.#live.values();
      const { value, done } = this.#pass.next();
      if (done) {
        this.#pass = null;
        return;
      }
      const delivery = deliveryOf(value);
      if (!delivery || isFull(value.audience, lowWaterBytes)) continue;
      let known = reached.get(delivery);
      if (known === undefined) {
        const position = delivery.lane.position();
        known = { token: encodeResumeToken({ topicId: delivery.topic.topicId, position }), position };
        reached.set(delivery, known);
      }
      value.sendPosition(known.token, known.position);
    }
  }
}

/** A position that waits behind unread frames helps nobody. A follower always wants to know. */
const isFull = (audience: Audience, lowWaterBytes: number): boolean =>
  audience.kind === 'client' && audience.client.bufferedBytes > lowWaterBytes;
