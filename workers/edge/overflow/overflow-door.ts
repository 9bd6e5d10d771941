// Checks a subscribe message with an overflow policy, and begins to follow its channel.

import type { AvroRecord } from '../../../schemas/avro/avro-type.ts';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import type { Position } from '../../../schemas/cursor.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { OverflowPolicy, SubscribeMessage } from '../../../schemas/frames.ts';
import { checkKey } from '../../../schemas/plan/event-key.ts';
import type { Client, ClientSubscription, Recipient } from '../client.ts';
import { type ClientOutput, frameOutput, type SpokenClient } from '../client-output.ts';
import type { ChannelPlan, Delivery, TopicSource } from '../delivery.ts';
import { readResumePosition } from '../resume-position.ts';
import { type OverflowContext, OverflowSubscription } from './overflow-subscription.ts';
import { PassingSubscription } from './passing-subscription.ts';

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
    const { overflow = 'resume' } = message;
    return overflow === 'resume' ? null : this.#overflowing(client, frameOutput(client), message, overflow);
  }

  /** For a client that is not spoken to in frames, so that it follows whatever its policy. */
  follow(client: SpokenClient, message: SubscribeMessage): ClientSubscription {
    const { overflow = 'resume', id } = message;
    if (overflow !== 'resume') return this.#overflowing(client, client.output, message, overflow);
    const { topic, resume, plan } = this.#asked(client, message);
    const { now, limits } = this.#context;
    const subscription = new PassingSubscription({ ...limits, now }, client, client.output, { id, topic, plan });
    subscription.following = this.#delivery.follow(subscription, topic, plan, resume);
    return subscription;
  }

  #overflowing(
    client: Recipient,
    output: ClientOutput,
    message: SubscribeMessage,
    overflow: Exclude<OverflowPolicy, 'resume'>,
  ): ClientSubscription {
    const { key = [], maxRate = null, id } = message;
    if (overflow === 'latest' && client.format === 'avro') throw new MdsError('MDS_LATEST_NEEDS_JSON');
    const { topic, resume, plan } = this.#asked(client, message);
    if (overflow === 'latest') checkKey(key, this.#topics.schemaOf(topic), plan.plan.fields);
    const wish = { id, overflow, key, maxRate, topic, plan };
    const subscription = new OverflowSubscription(this.#context, client, output, wish);
    subscription.following = this.#delivery.follow(subscription, topic, plan, resume);
    return subscription;
  }

  #asked({ format }: Recipient, message: SubscribeMessage): Asked {
    const topic = this.#topics.topicNamed(message.topic);
    const resume = message.resume === undefined ? null : readResumePosition(message.resume, topic);
    return { topic, resume, plan: this.#topics.planFor(topic, message, format) };
  }
}

interface Asked {
  readonly topic: CatalogTopic;
  /** Null: from now on. */
  readonly resume: Position | null;
  readonly plan: ChannelPlan;
}
