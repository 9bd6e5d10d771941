// Which channels the edge wants, and who waits for them: an interest is written when the first subscription comes, asked for
// anew when its notice may be lost or a worker does not match it, and withdrawn a while after the last subscription went.

import type { Interest } from '../../schemas/coordination.ts';
import type { Position } from '../../schemas/cursor.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { JoinedChannel } from '../../schemas/lane-envelope.ts';
import { Channel } from './channel.ts';
import type { ChannelPlan, DeliveryOptions } from './delivery-options.ts';
import type { Gather } from './gather.ts';
import type { Subscription } from './subscription.ts';
import type { SubscriptionStarts } from './subscription-starts.ts';
import type { TopicDelivery } from './topic-delivery.ts';

export interface ChannelWishesOptions extends Pick<DeliveryOptions, 'interest' | 'limits' | 'now'> {
  readonly gather: Gather;
  readonly starts: SubscriptionStarts;
  readonly deliveryOf: (subscription: Subscription) => TopicDelivery | undefined;
  /** Its last channel is gone. */
  readonly onIdle: (delivery: TopicDelivery) => void;
}

export class ChannelWishes {
  readonly #options: ChannelWishesOptions;
  /** In the order of their deadlines. */
  readonly #joining = new Set<Subscription>();
  readonly #lingering = new Map<Channel, TopicDelivery>();
  #lastGeneration = 0;

  constructor(options: ChannelWishesOptions) {
    this.#options = options;
  }

  get joiningCount(): number {
    return this.#joining.size;
  }

  /** @returns the plan's channel, wanted from now on if it was not before */
  channelFor(delivery: TopicDelivery, { plan, channel: id }: ChannelPlan): Channel {
    let channel = delivery.channels.get(id);
    if (!channel) {
      if (delivery.lane.isIdle) delivery.heardMs = this.#options.now();
      channel = new Channel(id, delivery.topic, plan, 0);
      delivery.channels.add(channel);
      this.#want(delivery, channel);
    }
    channel.lingerUntilMs = null;
    this.#lingering.delete(channel);
    return channel;
  }

  /** Starts the subscription, as soon as every partition has joined its channel. */
  join(delivery: TopicDelivery, subscription: Subscription): void {
    if (delivery.isJoined(subscription.channel)) this.#options.starts.start(delivery, subscription);
    else this.#joining.add(subscription);
  }

  /** Some partition has joined the channel. */
  onJoined(delivery: TopicDelivery, channel: Channel | undefined): void {
    if (!channel || !delivery.isJoined(channel)) return;
    for (const subscription of [...channel.subscriptions]) {
      if (!this.#joining.delete(subscription)) continue;
      this.#options.starts.start(delivery, subscription);
    }
  }

  onEnded(subscription: Subscription): void {
    this.#joining.delete(subscription);
    const { channel } = subscription;
    const delivery = this.#options.deliveryOf(subscription);
    if (!delivery || channel.subscriptions.size > 0) return;
    channel.lingerUntilMs = this.#options.now() + this.#options.limits.lingerMs;
    this.#lingering.set(channel, delivery);
  }

  /**
   * The channel is joined nowhere from now on, until the workers have answered a new wish. What comes until then is not
   * matched for it, so that those who are live on it complete it by a replay.
   *
   * @param position up to which the channel is complete
   */
  askAnew(delivery: TopicDelivery, channel: Channel | undefined, position: Position = delivery.lane.position()): void {
    if (!channel) return;
    if (channel.subscriptions.size === 0) {
      this.discard(delivery, channel);
      return;
    }
    this.#options.gather.flushChannel(channel);
    for (const subscription of [...channel.subscriptions]) {
      subscription.session?.dropHold(); // it would have a hole: another round follows
      if (subscription.state === 'live') this.#options.starts.resume(delivery, subscription, position);
    }
    if (delivery.channels.get(channel.id) === channel) this.#want(delivery, channel);
  }

  /**
   * Notices may have been lost: channels that wait for one are wanted anew.
   *
   * @param partition where; null: anywhere
   * @param arrived notices that are known to have arrived
   */
  askAnewWhoWaits(delivery: TopicDelivery, partition: number | null, arrived: readonly JoinedChannel[] = []): void {
    const isHere = new Set(arrived.filter((notice) => delivery.lane.isWanted(notice)).map(({ channel }) => channel));
    for (const channel of [...delivery.channels.values()]) {
      const isWaiting =
        partition === null ? !delivery.isJoined(channel) : !delivery.lane.isJoined(channel.id, partition);
      if (isWaiting && !isHere.has(channel.id)) this.askAnew(delivery, channel);
    }
  }

  /** A replay waits for the channel to be joined: after a while its notice is taken for lost. */
  keepAsking(delivery: TopicDelivery, channel: Channel): void {
    const { now, limits } = this.#options;
    if (delivery.isJoined(channel) || now() - channel.wantedMs < limits.joinTimeoutMs) return;
    const missing = delivery.lane.partitionsWithout(channel.id, delivery.partitionCount);
    if (missing.some((partition) => delivery.repairs.isRepairing(partition))) return;
    this.askAnew(delivery, channel);
  }

  discard(delivery: TopicDelivery, channel: Channel): void {
    this.#lingering.delete(channel);
    delivery.channels.delete(channel);
    delivery.lane.unwant(channel.id);
    this.#options.interest.remove(channel.id, channel.generation);
    if (delivery.channels.size === 0) this.#options.onIdle(delivery);
  }

  tick(nowMs: number): void {
    this.#expireJoining(nowMs);
    for (const [channel, delivery] of this.#lingering) {
      if (channel.lingerUntilMs !== null && nowMs >= channel.lingerUntilMs) this.discard(delivery, channel);
    }
  }

  #want(delivery: TopicDelivery, channel: Channel): void {
    channel.generation = ++this.#lastGeneration;
    channel.wantedMs = this.#options.now();
    delivery.lane.want(channel.id, channel.generation);
    this.#options.interest.add(interestOf(channel));
  }

  #expireJoining(nowMs: number): void {
    const { limits, deliveryOf } = this.#options;
    const { joinTimeoutMs: timeoutMs } = limits;
    const anew = new Map<Channel, TopicDelivery>();
    for (const subscription of [...this.#joining]) {
      if (nowMs < subscription.joinDeadlineMs) break; // in order of their deadlines
      const { channel } = subscription;
      const delivery = deliveryOf(subscription);
      const partitions = delivery?.lane.partitionsWithout(channel.id, delivery.partitionCount) ?? [];
      // Its notice waits behind a gap; the repair ends in time of its own.
      if (delivery && partitions.some((partition) => delivery.repairs.isRepairing(partition))) continue;
      subscription.fail(new MdsError('MDS_JOIN_TIMEOUT', { partitions, topic: channel.topic.name, timeoutMs }));
      if (delivery) anew.set(channel, delivery);
    }
    for (const [channel, delivery] of anew) {
      if (delivery.channels.get(channel.id) === channel) this.askAnew(delivery, channel);
    }
  }
}

/** The channel's wish, as workers hear it. */
export const interestOf = ({ id, topic, generation, plan }: Channel): Interest => ({
  channel: id,
  topicId: topic.topicId,
  generation,
  plan,
});
