// The heart of the edge: subscriptions come in, envelopes come in, frames go out. Owns topics and channels; knows nothing
// of sockets or Redis. Everything that happens later is done by `tick`, so that there are no timers to lose.

import type { CatalogTopic, Interest } from '../../schemas/coordination.ts';
import { LANE_SILENCE_MS } from '../../schemas/coordination.ts';
import type { Position } from '../../schemas/cursor.ts';
import type { EnvelopeReader } from '../../schemas/envelope-reader.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { SubscribeMessage } from '../../schemas/frames.ts';
import type { Identity } from '../../schemas/identity/identity.ts';
import { ChannelWishes, interestOf } from './channel-wishes.ts';
import type { Client } from './client.ts';
import type { ChannelPlan, DeliveryOptions } from './delivery-options.ts';
import type { Follower } from './follower.ts';
import { type CountSent, Gather } from './gather.ts';
import { LaneDelivery } from './lane-delivery.ts';
import { LivePositions } from './live-positions.ts';
import { assertReadsStill, type Reading, readingOf } from './reading.ts';
import { HoldBudget } from './repair/held-envelopes.ts';
import { readResumePosition } from './resume-position.ts';
import { type Audience, Subscription } from './subscription.ts';
import { SubscriptionStarts } from './subscription-starts.ts';
import { TopicDelivery } from './topic-delivery.ts';

export type { ChannelPlan, DeliveryObserver, DeliveryOptions, TopicSource } from './delivery-options.ts';

export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #gather: Gather;
  readonly #topics = new Map<number, TopicDelivery>();
  readonly #positions: LivePositions;
  readonly #wishes: ChannelWishes;
  readonly #starts: SubscriptionStarts;
  readonly #lane: LaneDelivery;
  readonly #budget: HoldBudget;
  #lastTickMs: number;
  #subscriptionCount = 0;

  constructor(options: DeliveryOptions) {
    const { limits, writeAll, whenIdle, now, observer } = options;
    this.#options = options;
    this.#lastTickMs = now();
    const onSent: CountSent = (oldestRecordMs, frames, deliveries) =>
      observer.onSent(oldestRecordMs, frames, deliveries);
    const gather = new Gather({ frameBytes: limits.frameBytes, writeAll, whenIdle, now, onSent });
    const deliveryOf = ({ channel }: Subscription): TopicDelivery | undefined =>
      this.#topics.get(channel.topic.topicId);
    const { positionIntervalMs: intervalMs, lowWaterBytes } = limits;
    const positions = new LivePositions({ intervalMs, lowWaterBytes, deliveryOf });
    const starts = new SubscriptionStarts(options, gather, positions);
    const onIdle = (delivery: TopicDelivery): void => {
      this.#topics.delete(delivery.topic.topicId);
      delivery.repairs.cancel();
    };
    const wishes = new ChannelWishes({ ...options, gather, starts, deliveryOf, onIdle });
    const budget = new HoldBudget(limits.repairHoldBytes);
    this.#gather = gather;
    this.#positions = positions;
    this.#wishes = wishes;
    this.#starts = starts;
    this.#budget = budget;
    this.#lane = new LaneDelivery({ ...options, gather, starts, wishes, budget });
  }

  get subscriptionCount(): number {
    return this.#subscriptionCount;
  }

  get channelCount(): number {
    let count = 0;
    for (const { channels } of this.#topics.values()) count += channels.size;
    return count;
  }

  get joiningCount(): number {
    return this.#wishes.joiningCount;
  }

  /** Partitions that wait for a missing range. */
  get repairCount(): number {
    let count = 0;
    for (const { repairs } of this.#topics.values()) count += repairs.count;
    return count;
  }

  /** Bytes of live envelopes that wait behind gaps. */
  get repairHeldBytes(): number {
    return this.#budget.heldBytes;
  }

  /**
   * Begins a subscription; the answer follows as a frame when every partition has joined its channel.
   *
   * @param reading of the message, when it is known already
   * @throws MdsError when the request cannot be met; nothing has begun then
   */
  subscribe(client: Client, message: SubscribeMessage, reading = this.readingOf(client, message)): Subscription {
    const { topic, plan, filter } = reading;
    const resume = message.resume === undefined ? null : readResumePosition(message.resume, topic);
    return this.#begin({ kind: 'client', id: message.id, client, filter }, topic, plan, resume);
  }

  /** @throws MdsError when the client cannot read that */
  readingOf({ identity, format }: Pick<Client, 'identity' | 'format'>, message: SubscribeMessage): Reading {
    return readingOf(this.#options.topics, identity, message, format);
  }

  /**
   * Begins to give a channel's events to a follower.
   *
   * @param resume everything behind it comes first; null: from now on
   * @throws MdsError when it cannot be begun
   */
  follow(follower: Follower, topic: CatalogTopic, plan: ChannelPlan, resume: Position | null): Subscription {
    return this.#begin({ kind: 'follower', follower }, topic, plan, resume);
  }

  /**
   * A tenant has used up what it may get for now. Those of its subscriptions that are live go on by replays, which wait:
   * Kafka holds what they are behind, and this edge holds nothing.
   */
  suspend(tenant: string): void {
    for (const delivery of this.#topics.values()) {
      if (delivery.topic.tenant !== tenant) continue;
      for (const channel of delivery.channels.values()) {
        if (!channel.hasSuspendable) continue;
        this.#gather.flushChannel(channel); // up to the lane's position they are complete then
        const position = delivery.lane.position();
        for (const subscription of [...channel.subscriptions]) {
          const { state, audience } = subscription;
          const maySuspend = audience.kind === 'client' || audience.follower.isPaused === true;
          if (state === 'live' && maySuspend) this.#starts.resume(delivery, subscription, position);
        }
      }
    }
  }

  /** Ends a subscription at its client's wish: what came for it until now goes out before. */
  unsubscribe(subscription: Subscription): void {
    this.#gather.flushChannel(subscription.channel);
    subscription.end();
  }

  onEnvelope(envelope: EnvelopeReader): void {
    const { observer, replays } = this.#options;
    if (envelope.kind === 'replay') {
      replays.onEnvelope(envelope);
      return;
    }
    const delivery = this.#topics.get(envelope.topicId);
    if (delivery) this.#lane.onEnvelope(delivery, envelope);
    else observer.onEnvelope('unknown_topic');
  }

  /** Everything that was gathered becomes frames now. */
  flush(): void {
    this.#gather.flush();
  }

  /** Something may have been lost on the lane that cannot be known: notices for channels that wait are asked for again. */
  onLaneDisturbed(): void {
    for (const delivery of [...this.#topics.values()]) this.#wishes.askAnewWhoWaits(delivery, null);
  }

  /** The catalog changed: topics may have grown or gone. */
  onCatalog(topics: ReadonlyMap<number, CatalogTopic>): void {
    for (const delivery of [...this.#topics.values()]) {
      const topic = topics.get(delivery.topic.topicId);
      if (topic) delivery.topic = topic;
      else this.#removeTopic(delivery);
    }
  }

  /** Wishes as they stand, for a Redis that has forgotten them. */
  *interests(): Generator<Interest> {
    for (const { channels } of this.#topics.values()) {
      for (const channel of channels.values()) yield interestOf(channel);
    }
  }

  /** Topics of which nothing has been heard for too long although channels of theirs are joined. */
  silentTopics(): string[] {
    const before = this.#options.now() - LANE_SILENCE_MS;
    const silent: string[] = [];
    for (const { heardMs, lane, topic } of this.#topics.values()) {
      if (heardMs < before && lane.position().size > 0) silent.push(topic.name);
    }
    return silent;
  }

  tick(): void {
    const nowMs = this.#options.now();
    this.#gather.flush(); // positions must not overtake events
    this.#options.replays.tick();
    this.#wishes.tick(nowMs);
    for (const delivery of [...this.#topics.values()]) {
      delivery.repairs.tick();
      for (const subscription of [...delivery.catchingUp]) {
        this.#wishes.keepAsking(delivery, subscription.channel);
        subscription.session?.tick();
      }
    }
    this.#positions.send(nowMs - this.#lastTickMs);
    this.#lastTickMs = nowMs;
  }

  #begin(audience: Audience, topic: CatalogTopic, plan: ChannelPlan, resume: Position | null): Subscription {
    const { interest, limits, now } = this.#options;
    interest.assertReachable();
    const delivery = this.#topicDelivery(topic);
    const channel = this.#wishes.channelFor(delivery, plan);
    const joinDeadlineMs = now() + limits.joinTimeoutMs;
    const onEnded = this.#onEnded;
    const assertReads = (identity: Identity, filter: string): void =>
      assertReadsStill(this.#options.topics, identity, { topic, plan, filter });
    const start = { audience, channel, resume, joinDeadlineMs, onEnded, assertReads };
    const subscription = new Subscription(start);
    this.#subscriptionCount += 1;
    this.#wishes.join(delivery, subscription);
    return subscription;
  }

  #topicDelivery(topic: CatalogTopic): TopicDelivery {
    let delivery = this.#topics.get(topic.topicId);
    if (!delivery) {
      delivery = new TopicDelivery(topic, this.#options.now(), (created) => this.#lane.repairContext(created));
      this.#topics.set(topic.topicId, delivery);
    }
    return delivery;
  }

  readonly #onEnded = (subscription: Subscription): void => {
    this.#subscriptionCount -= 1;
    this.#positions.delete(subscription);
    const { channel, audience, failure } = subscription;
    if (failure !== null) this.#options.observer.onFailed?.(failure, channel);
    if (audience.kind === 'client') audience.client.onSubscriptionEnded(subscription);
    this.#topics.get(channel.topic.topicId)?.catchingUp.delete(subscription);
    this.#wishes.onEnded(subscription);
  };

  #removeTopic(delivery: TopicDelivery): void {
    const error = new MdsError('MDS_TOPIC_UNKNOWN', { topic: delivery.topic.name, hint: '; it was deleted' });
    for (const channel of [...delivery.channels.values()]) {
      for (const subscription of [...channel.subscriptions]) subscription.fail(error);
      this.#wishes.discard(delivery, channel);
    }
  }
}
