// Checks a subscribe message with an overflow policy, and begins to follow its channel.

import { MdsError } from '../../../schemas/errors.ts';
import type { SubscribeMessage } from '../../../schemas/frames.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import { checkKey } from '../../../schemas/plan/event-key.ts';
import type { Client, ClientSubscription } from '../client.ts';
import type { Delivery, TopicSource } from '../delivery.ts';
import { assertReadsStill } from '../reading.ts';
import { readResumePosition } from '../resume-position.ts';
import { type OverflowContext, OverflowSubscription } from './overflow-subscription.ts';

export class OverflowDoor {
  readonly #delivery: Delivery;
  readonly #topics: TopicSource;
  readonly #context: OverflowContext;

  constructor(delivery: Delivery, topics: TopicSource, context: OverflowContext) {
    this.#delivery = delivery;
    this.#topics = topics;
    this.#context = context;
  }

  /** @returns null when the message asks for policy `resume`: such a subscription shares its channel's frames */
  subscribe(
    client: Client,
    message: SubscribeMessage,
    reading = this.#delivery.readingOf(client, message),
  ): ClientSubscription | null {
    const { overflow = 'resume', key = [], maxRate = null, id } = message;
    if (overflow === 'resume') return null;
    if (overflow === 'latest' && client.format === 'avro') throw new MdsError('MDS_LATEST_NEEDS_JSON');
    const { topic, plan, filter } = reading;
    const resume = message.resume === undefined ? null : readResumePosition(message.resume, topic);
    if (overflow === 'latest') checkKey(key, this.#topics.schemaOf(topic), plan.plan.fields);
    const wish = { id, overflow, key, maxRate, topic, plan, filter };
    const assertReads = (identity: Identity): void => assertReadsStill(this.#topics, identity, reading);
    const subscription = new OverflowSubscription(this.#context, client, { ...wish, assertReads });
    subscription.following = this.#delivery.follow(subscription, topic, plan, resume);
    return subscription;
  }
}
