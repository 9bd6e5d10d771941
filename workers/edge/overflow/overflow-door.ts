// Checks a subscribe message with an overflow policy, and begins to follow its channel.

import { MdsError } from '../../../schemas/errors.ts';
import type { OverflowPolicy, SubscribeMessage } from '../../../schemas/frames.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import { checkKey } from '../../../schemas/plan/event-key.ts';
import type { Client, ClientSubscription, Recipient } from '../client.ts';
import { type ClientOutput, frameOutput, type SpokenClient } from '../client-output.ts';
import type { Delivery, TopicSource } from '../delivery.ts';
import { assertReadsStill, type Reading } from '../reading.ts';
import { readResumePosition } from '../resume-position.ts';
import { type OverflowContext, OverflowSubscription } from './overflow-subscription.ts';
import { PassingSubscription } from './passing-subscription.ts';

type Asked = Pick<SubscribeMessage, 'id' | 'resume' | 'key' | 'maxRate'>;

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
    const { overflow = 'resume' } = message;
    return overflow === 'resume' ? null : this.#overflowing(client, frameOutput(client), message, overflow, reading);
  }

  /** For a client that is not spoken to in frames, so that it follows whatever its policy. */
  follow(
    client: SpokenClient,
    message: SubscribeMessage,
    reading = this.#delivery.readingOf(client, message),
  ): ClientSubscription {
    const { overflow = 'resume', id } = message;
    if (overflow !== 'resume') return this.#overflowing(client, client.output, message, overflow, reading);
    const { now, limits } = this.#context;
    const wish = { id, ...reading, assertReads: this.#assertReads(reading) };
    const subscription = new PassingSubscription({ ...limits, now }, client, client.output, wish);
    subscription.following = this.#delivery.follow(
      subscription,
      reading.topic,
      reading.plan,
      resumeOf(message, reading),
    );
    return subscription;
  }

  #overflowing(
    client: Recipient,
    output: ClientOutput,
    message: Asked,
    overflow: Exclude<OverflowPolicy, 'resume'>,
    reading: Reading,
  ): ClientSubscription {
    const { key = [], maxRate = null, id } = message;
    if (overflow === 'latest' && client.format === 'avro') throw new MdsError('MDS_LATEST_NEEDS_JSON');
    const { topic, plan } = reading;
    const resume = resumeOf(message, reading);
    if (overflow === 'latest') checkKey(key, this.#topics.schemaOf(topic), plan.plan.fields);
    const wish = { id, overflow, key, maxRate, ...reading, assertReads: this.#assertReads(reading) };
    const subscription = new OverflowSubscription(this.#context, client, output, wish);
    subscription.following = this.#delivery.follow(subscription, topic, plan, resume);
    return subscription;
  }

  #assertReads(reading: Reading): (identity: Identity) => void {
    return (identity) => assertReadsStill(this.#topics, identity, reading);
  }
}

const resumeOf = ({ resume }: Asked, { topic }: Reading) =>
  resume === undefined ? null : readResumePosition(resume, topic);
