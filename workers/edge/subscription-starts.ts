// How a subscription begins to get events: live from now on, through a replay from its token on, or, when it was live and its
// channel was not matched for a while, through a replay from there on.

import { beforeRecord, type Position } from '../../schemas/cursor.ts';
import type { DeliveryOptions } from './delivery-options.ts';
import type { Gather } from './gather.ts';
import type { LivePositions } from './live-positions.ts';
import { BatchOutput, FrameOutput } from './replay-output.ts';
import { ReplaySession } from './replay-session.ts';
import type { OutputOf, Subscription } from './subscription.ts';
import type { TopicDelivery } from './topic-delivery.ts';

export type StartOptions = Pick<DeliveryOptions, 'replays' | 'limits' | 'observer' | 'now'>;

export class SubscriptionStarts {
  readonly #options: StartOptions;
  readonly #gather: Gather;
  readonly #positions: LivePositions;

  constructor(options: StartOptions, gather: Gather, positions: LivePositions) {
    this.#options = options;
    this.#gather = gather;
    this.#positions = positions;
  }

  /** Every partition has joined its channel. */
  start(delivery: TopicDelivery, subscription: Subscription): void {
    this.#gather.flushChannel(subscription.channel); // for those before; the new one begins behind it
    const lanePosition = delivery.lane.position();
    if (subscription.resume === null) {
      subscription.startLive(lanePosition, delivery.partitionCount);
      this.#positions.add(subscription);
      return;
    }
    this.#replay(delivery, subscription, completed(subscription.resume, lanePosition)).advance();
  }

  /**
   * A live subscription whose channel was not matched: what it lacks behind the position comes from Kafka, as for one that
   * resumes, without a word from its client. It goes on at the next `advance` of its session.
   *
   * @param position up to which it is complete; what was gathered for it before has been flushed
   */
  resume(delivery: TopicDelivery, subscription: Subscription, position: Position): void {
    this.#positions.delete(subscription);
    this.#replay(delivery, subscription, position);
  }

  #replay(delivery: TopicDelivery, subscription: Subscription, position: Position): ReplaySession {
    const output = this.#outputOf(subscription);
    const session = this.#session(delivery, subscription, position, output);
    delivery.catchingUp.add(subscription);
    subscription.startReplay(position, delivery.partitionCount, session, output);
    return session;
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
    const asked = { channel: channel.id, plan: channel.plan };
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
        ask: (session, ranges) => replays.ask(session, { topicId, channel: asked, ranges }),
        release: (session) => replays.release(session),
        onSent: (frameCount, eventCount) => {
          observer.onReplaySent(frameCount, eventCount);
          subscription.onReplayed(eventCount);
        },
        onFailed: (error) => subscription.fail(error),
        onLive: () => {
          delivery.catchingUp.delete(subscription);
          subscription.finishReplay(delivery.lane.position());
          this.#positions.add(subscription);
        },
      },
      position,
    );
  }
}

/** A partition that the token does not know was added to the topic since: all of it is new to the subscription. */
function completed(resume: Position, lanePosition: Position): Position {
  return new Map([...lanePosition.keys()].map((partition) => [partition, resume.get(partition) ?? beforeRecord(0)]));
}
