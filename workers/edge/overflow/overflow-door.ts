// Checks a subscribe message with an overflow policy, and begins to follow its channel.

import type { AvroRecord } from '../../../schemas/avro/avro-type.ts';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { SubscribeMessage } from '../../../schemas/frames.ts';
import { checkKey } from '../../../schemas/plan/event-key.ts';
import type { Client, ClientSubscription } from '../client.ts';
import type { Delivery, TopicSource } from '../delivery.ts';
import { readResumePosition } from '../resume-position.ts';
import { type OverflowContext, OverflowSubscription } from './overflow-subscription.ts';

/** Topics, and the schemas that keys are checked against. */
export interface KeyedTopicSource extends TopicSource {
  schemaOf(topic: CatalogTopic): AvroRecord;
}

export class OverflowDoor {
  readonly #delivery: Delivery;
  readonly #topics: KeyedTopicSource;
  readonly #context: OverflowContext;

  constructor(delivery: Delivery, topics: KeyedTopicSource, context: OverflowContext) {
    this.#delivery = delivery;
    this.#topics = topics;
    this.#context = context;
  }

  /** @returns null when the message asks for policy `resume`: such a subscription shares its channel's frames */
  subscribe(client: Client, message: SubscribeMessage): ClientSubscription | null {
    const { overflow = 'resume', key = [], maxRate = null, id } = message;
    if (overflow === 'resume') return null;
    if (overflow === 'latest' && client.format === 'avro') throw new MdsError('MDS_LATEST_NEEDS_JSON');
    const topic = this.#topics.topicNamed(message.topic);
    const resume = message.resume === undefined ? null : readResumePosition(message.resume, topic);
    const plan = this.#topics.planFor(topic, message, client.format);
    if (overflow === 'latest') checkKey(key, this.#topics.schemaOf(topic), plan.plan.fields);
    const wish = { id, overflow, key, maxRate, topic, plan };
    const subscription = new OverflowSubscription(this.#context, client, wish);
    subscription.following = this.#delivery.follow(subscription, topic, plan, resume);
    return subscription;
  }
}
