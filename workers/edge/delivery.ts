// The heart of the edge: subscriptions come in, envelopes come in, frames go out. Owns topics and channels; knows nothing
// of sockets or Redis. Everything that happens later is done by `tick`, so that there are no timers to lose.

import { CLOSE_CODES } from '../../schemas/close-codes.ts';
import type { CatalogTopic, Interest } from '../../schemas/coordination.ts';
import { LANE_SILENCE_MS } from '../../schemas/coordination.ts';
import { beforeRecord, type Position } from '../../schemas/cursor.ts';
import type { EnvelopeReader } from '../../schemas/envelope-reader.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { SubscribeMessage } from '../../schemas/frames.ts';
import type { Plan, PlanFormat } from '../../schemas/plan/plan.ts';
import { encodeResumeToken } from '../../schemas/resume-token.ts';
import { Channel } from './channel.ts';
import type { Client } from './client.ts';
import type { Follower } from './follower.ts';
import { type CountSent, Gather } from './gather.ts';
import type { IgnoredReason } from './partition-state.ts';
import type { ReplayClient } from './replay-client.ts';
import { BatchOutput, FrameOutput } from './replay-output.ts';
import { type ReplayLimits, ReplaySession } from './replay-session.ts';
import { readResumePosition } from './resume-position.ts';
import { type Audience, type OutputOf, Subscription } from './subscription.ts';
import { type EnvelopeOutcome, TopicDelivery } from './topic-delivery.ts';

/** Where the edge's wishes for channels go. The latest wish for a channel counts. */
export interface InterestSink {
  /** Throws when a wish cannot reach the workers now. */
  assertReachable(): void;
  add(interest: Interest): void;
  remove(channel: string, generation: number): void;
}

export interface TopicSource {
  /** @throws MdsError `MDS_TOPIC_UNKNOWN` */
  topicNamed(name: string): CatalogTopic;
  /** @throws MdsError `MDS_FILTER_…` or `MDS_PROJECTION_…` */
  planFor(topic: CatalogTopic, request: Pick<SubscribeMessage, 'filter' | 'fields'>, format: PlanFormat): ChannelPlan;
}

/** A plan with the id of its channel: both follow from the request, and computing them is most of what a subscribe costs. */
export interface ChannelPlan {
  readonly plan: Plan;
  readonly channel: string;
}

export interface DeliveryLimits extends ReplayLimits {
  /** Nothing of a replay is sent while more than this waits in the client's buffer. */
  readonly lowWaterBytes: number;
  readonly frameBytes: number;
  readonly joinTimeoutMs: number;
  readonly lingerMs: number;
  readonly positionIntervalMs: number;
}

/** What an envelope says of its way here. */
export type EnvelopeTimes = Pick<EnvelopeReader, 'oldestRecordMs' | 'receivedMs' | 'publishedMs' | 'eventCount'>;

export interface DeliveryObserver {
  /** @param applied only for outcome `applied` */
  onEnvelope(outcome: EnvelopeOutcome['kind'] | IgnoredReason | 'unknown_topic', applied?: EnvelopeTimes): void;
  /** Live frames of one moment whose oldest record is this one. */
  readonly onSent: CountSent;
  onReplaySent(frameCount: number, eventCount: number): void;
  /** `clients` were closed because the channel's stream has a hole. */
  onGap(channel: Channel, clients: number): void;
}

export interface DeliveryOptions {
  readonly topics: TopicSource;
  readonly interest: InterestSink;
  readonly replays: ReplayClient;
  readonly limits: DeliveryLimits;
  readonly observer: DeliveryObserver;
  readonly now: () => number;
  /** Writes to the sockets all that was sent to clients. */
  readonly writeAll: () => void;
  /** Calls `flush` when there is nothing more to read right now. */
  readonly whenIdle: (flush: () => void) => void;
}

export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #gather: Gather;
  readonly #topics = new Map<number, TopicDelivery>();
  readonly #joining = new Set<Subscription>();
  readonly #lingering = new Set<Channel>();
  readonly #live = new Set<Subscription>();
  #livePass: Iterator<Subscription> | null = null;
  #lastTickMs: number;
  #lastGeneration = 0;
  #subscriptionCount = 0;

  constructor(options: DeliveryOptions) {
    const { limits, writeAll, whenIdle, now, observer } = options;
    this.#options = options;
    this.#lastTickMs = now();
    const onSent: CountSent = (oldestRecordMs, frames, deliveries) =>
      observer.onSent(oldestRecordMs, frames, deliveries);
    this.#gather = new Gather({ frameBytes: limits.frameBytes, writeAll, whenIdle, now, onSent });
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
    return this.#joining.size;
  }

  /**
   * Begins a subscription; the answer follows as a frame when every partition has joined its channel.
   *
   * @throws MdsError when the request cannot be met; nothing has begun then
   */
  subscribe(client: Client, message: SubscribeMessage): Subscription {
    const { topics } = this.#options;
    const topic = topics.topicNamed(message.topic);
    const resume = message.resume === undefined ? null : readResumePosition(message.resume, topic);
    const plan = topics.planFor(topic, message, client.format);
    return this.#begin({ kind: 'client', id: message.id, client }, topic, plan, resume);
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

  /** Ends a subscription at its client's wish: what came for it until now goes out before. */
  unsubscribe(subscription: Subscription): void {
    this.#gather.flushChannel(subscription.channel);
    subscription.end();
  }

  onEnvelope(envelope: EnvelopeReader): void {
    const { observer, replays, now } = this.#options;
    if (envelope.kind === 'replay') {
      replays.onEnvelope(envelope);
      return;
    }
    const delivery = this.#topics.get(envelope.topicId);
    if (!delivery) {
      observer.onEnvelope('unknown_topic');
      return;
    }
    const outcome = delivery.apply(envelope, now(), this.#gather, (channel) => {
      observer.onGap(channel, closeLive(channel));
    });
    if (outcome.kind === 'ignored') {
      observer.onEnvelope(outcome.reason);
      return;
    }
    observer.onEnvelope('applied', envelope);
    for (const id of outcome.step.joined) this.#onJoined(delivery, delivery.channels.get(id));
    for (const id of outcome.step.unjoined) this.#askAnew(delivery, delivery.channels.get(id));
    if (outcome.step.missed) this.#askAnewWhoWaits(delivery, envelope.partition);
    advanceAll(delivery);
  }

  /** Everything that was gathered becomes frames now. */
  flush(): void {
    this.#gather.flush();
  }

  /** Something may have been lost on the lane that cannot be known: notices for channels that wait are asked for again. */
  onLaneDisturbed(): void {
    for (const delivery of this.#topics.values()) this.#askAnewWhoWaits(delivery, null);
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
    this.#expireJoining(nowMs);
    this.#expireLingering(nowMs);
    for (const { catchingUp } of this.#topics.values()) {
      for (const subscription of [...catchingUp]) subscription.session?.tick();
    }
    this.#sendPositions(nowMs - this.#lastTickMs);
    this.#lastTickMs = nowMs;
  }

  #begin(audience: Audience, topic: CatalogTopic, plan: ChannelPlan, resume: Position | null): Subscription {
    const { interest, limits, now } = this.#options;
    interest.assertReachable();
    const delivery = this.#topicDelivery(topic);
    const channel = this.#channel(delivery, plan);
    const joinDeadlineMs = now() + limits.joinTimeoutMs;
    const onEnded = this.#onEnded;
    const subscription = new Subscription({ audience, channel, resume, joinDeadlineMs, onEnded });
    this.#subscriptionCount += 1;
    if (delivery.isJoined(channel)) this.#start(delivery, subscription);
    else this.#joining.add(subscription);
    return subscription;
  }

  #topicDelivery(topic: CatalogTopic): TopicDelivery {
    let delivery = this.#topics.get(topic.topicId);
    if (!delivery) {
      delivery = new TopicDelivery(topic, this.#options.now());
      this.#topics.set(topic.topicId, delivery);
    }
    return delivery;
  }

  #channel(delivery: TopicDelivery, { plan, channel: id }: ChannelPlan): Channel {
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

  #want(delivery: TopicDelivery, channel: Channel): void {
    channel.generation = ++this.#lastGeneration;
    delivery.lane.want(channel.id, channel.generation);
    this.#options.interest.add(interestOf(channel));
  }

  #discard(delivery: TopicDelivery, channel: Channel): void {
    this.#lingering.delete(channel);
    delivery.channels.delete(channel);
    delivery.lane.unwant(channel.id);
    this.#options.interest.remove(channel.id, channel.generation);
    if (delivery.channels.size === 0) this.#topics.delete(delivery.topic.topicId);
  }

  /** The channel is joined nowhere from now on, until the workers have answered a new wish. */
  #askAnew(delivery: TopicDelivery, channel: Channel | undefined): void {
    if (!channel) return;
    // What comes until then is not matched for it: a hole for whoever is live on it, on partitions that did work.
    this.#gather.flushChannel(channel);
    const clients = closeLive(channel);
    if (clients > 0) this.#options.observer.onGap(channel, clients);
    if (channel.subscriptions.size > 0) this.#want(delivery, channel);
    else this.#discard(delivery, channel);
  }

  /** @param partition where notices may have been lost; null: anywhere */
  #askAnewWhoWaits(delivery: TopicDelivery, partition: number | null): void {
    for (const channel of [...delivery.channels.values()]) {
      const isWaiting =
        partition === null ? !delivery.isJoined(channel) : !delivery.lane.isJoined(channel.id, partition);
      if (isWaiting) this.#askAnew(delivery, channel);
    }
  }

  #onJoined(delivery: TopicDelivery, channel: Channel | undefined): void {
    if (!channel || !delivery.isJoined(channel)) return;
    for (const subscription of [...channel.subscriptions]) {
      if (subscription.state === 'joining') this.#start(delivery, subscription);
    }
  }

  #start(delivery: TopicDelivery, subscription: Subscription): void {
    this.#joining.delete(subscription);
    this.#gather.flushChannel(subscription.channel); // for those before; the new one begins behind it
    const lanePosition = delivery.lane.position();
    const { partitions } = delivery.topic;
    if (subscription.resume === null) {
      subscription.startLive(lanePosition, partitions);
      this.#trackLive(subscription);
      return;
    }
    const position = completed(subscription.resume, lanePosition);
    const output = this.#outputOf(subscription);
    const session = this.#session(delivery, subscription, position, output);
    delivery.catchingUp.add(subscription);
    subscription.startReplay(position, partitions, session, output);
    session.advance();
  }

  #outputOf({ audience, channel }: Subscription): OutputOf {
    const { limits, now } = this.#options;
    if (audience.kind === 'follower') return { kind: 'follower', output: new BatchOutput(audience.follower) };
    const { client, id: subscriptionId } = audience;
    const { builder } = this.#gather;
    const { lowWaterBytes } = limits;
    const output = new FrameOutput({ client, subscriptionId, channel: channel.id, builder, lowWaterBytes, now });
    return { kind: 'client', output };
  }

  #session(
    delivery: TopicDelivery,
    subscription: Subscription,
    position: Position,
    { output }: OutputOf,
  ): ReplaySession {
    const { replays, limits, observer, now } = this.#options;
    const { channel } = subscription;
    const { topicId } = delivery.topic;
    const channels = [{ channel: channel.id, plan: channel.plan }];
    return new ReplaySession(
      {
        channel: channel.id,
        output,
        limits,
        now,
        isJoined: () => delivery.isJoined(channel),
        hasReached: (wanted) => delivery.lane.hasReached(wanted),
        lanePosition: () => delivery.lane.position(),
        flushLive: () => this.#gather.flushChannel(channel),
        ask: (session, ranges) => replays.ask(session, { topicId, channels, ranges }),
        release: (session) => replays.release(session),
        onSent: (frameCount, eventCount) => observer.onReplaySent(frameCount, eventCount),
        onFailed: (error) => subscription.fail(error),
        onLive: () => {
          delivery.catchingUp.delete(subscription);
          subscription.finishReplay();
          this.#trackLive(subscription);
        },
      },
      position,
    );
  }

  #trackLive(subscription: Subscription): void {
    if (subscription.state === 'live') this.#live.add(subscription);
  }

  readonly #onEnded = (subscription: Subscription): void => {
    this.#subscriptionCount -= 1;
    this.#joining.delete(subscription);
    this.#live.delete(subscription);
    const { channel, audience } = subscription;
    if (audience.kind === 'client') audience.client.onSubscriptionEnded(subscription);
    this.#topics.get(channel.topic.topicId)?.catchingUp.delete(subscription);
    if (channel.subscriptions.size > 0) return;
    channel.lingerUntilMs = this.#options.now() + this.#options.limits.lingerMs;
    this.#lingering.add(channel);
  };

  #expireJoining(nowMs: number): void {
    const anew = new Set<Channel>();
    const { joinTimeoutMs: timeoutMs } = this.#options.limits;
    for (const subscription of [...this.#joining]) {
      if (nowMs < subscription.joinDeadlineMs) break; // in order of their deadlines
      const { channel } = subscription;
      const { topicId, name: topic } = channel.topic;
      const delivery = this.#topics.get(topicId);
      const partitions = delivery?.lane.partitionsWithout(channel.id, delivery.topic.partitions) ?? [];
      subscription.fail(new MdsError('MDS_JOIN_TIMEOUT', { partitions, topic, timeoutMs }));
      anew.add(channel);
    }
    for (const channel of anew) {
      const delivery = this.#topics.get(channel.topic.topicId);
      if (delivery?.channels.get(channel.id) === channel) this.#askAnew(delivery, channel);
    }
  }

  #expireLingering(nowMs: number): void {
    for (const channel of this.#lingering) {
      if (channel.lingerUntilMs === null || nowMs < channel.lingerUntilMs) continue;
      const delivery = this.#topics.get(channel.topic.topicId);
      if (delivery) this.#discard(delivery, channel);
      else this.#lingering.delete(channel);
    }
  }

  #removeTopic(delivery: TopicDelivery): void {
    const error = new MdsError('MDS_TOPIC_UNKNOWN', { topic: delivery.topic.name, hint: '; it was deleted' });
    for (const channel of [...delivery.channels.values()]) {
      for (const subscription of [...channel.subscriptions]) subscription.fail(error);
      this.#discard(delivery, channel);
    }
  }

  /** Walks over all live subscriptions once in each interval, a few at every tick, so that many make no spike. */
  #sendPositions(elapsedMs: number): void {
    const share = Math.min(1, elapsedMs / this.#options.limits.positionIntervalMs);
    const reached = new Map<TopicDelivery, { readonly token: string; readonly position: Position }>();
    for (let due = Math.ceil(this.#live.size * share); due > 0; due--) {
      this.#livePass ??= this.#live.values();
      const { value, done } = this.#livePass.next();
      if (done) {
        this.#livePass = null;
        return;
      }
      const delivery = this.#topics.get(value.channel.topic.topicId);
      if (!delivery || isFull(value.audience, this.#options.limits.lowWaterBytes)) continue;
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

/** What waited for the lane to move may go on. */
function advanceAll({ catchingUp }: TopicDelivery): void {
  if (catchingUp.size === 0) return;
  for (const subscription of [...catchingUp]) subscription.session?.advance();
}

const interestOf = ({ id, topic, generation, plan }: Channel): Interest => ({
  channel: id,
  topicId: topic.topicId,
  generation,
  plan,
});

/** A partition that the token does not know was added to the topic since: all of it is new to the subscription. */
function completed(resume: Position, lanePosition: Position): Position {
  return new Map([...lanePosition.keys()].map((partition) => [partition, resume.get(partition) ?? beforeRecord(0)]));
}

/** Live subscriptions on the channel must resume; those that replay only begin another round. @returns how many ended */
function closeLive(channel: Channel): number {
  for (const subscription of channel.catchingUp) subscription.session?.dropHold();
  const live = [...channel.subscriptions].filter(({ state }) => state === 'live');
  const error = new MdsError('MDS_GAP', { topic: channel.topic.name });
  const clients = new Set<Client>();
  let followers = 0;
  for (const subscription of live) {
    const { audience } = subscription;
    if (audience.kind === 'client') {
      clients.add(audience.client);
    } else {
      followers += 1;
      subscription.fail(error);
    }
  }
  for (const client of clients) client.close(CLOSE_CODES.GAP, error);
  return clients.size + followers;
}
