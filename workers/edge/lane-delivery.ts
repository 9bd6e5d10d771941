// What arrives on the lane, applied to its topic: contiguous ranges are gathered, a gap begins a repair, and a channel that
// was not matched is taken care of before anything behind that is gathered.

import { CLOSE_CODES } from '../../schemas/close-codes.ts';
import { beforeRecord, type Cursor, compareCursors, type Position } from '../../schemas/cursor.ts';
import type { EnvelopeReader } from '../../schemas/envelope-reader.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { Channel } from './channel.ts';
import type { ChannelWishes } from './channel-wishes.ts';
import type { Client } from './client.ts';
import type { DeliveryOptions } from './delivery-options.ts';
import type { Gather } from './gather.ts';
import type { AppliedStep } from './partition-state.ts';
import type { HoldBudget } from './repair/held-envelopes.ts';
import type { RepairContext } from './repair/topic-repairs.ts';
import type { ExpiredRange } from './replay-output.ts';
import type { SubscriptionStarts } from './subscription-starts.ts';
import type { TopicDelivery } from './topic-delivery.ts';

export interface LaneDeliveryOptions
  extends Pick<DeliveryOptions, 'replays' | 'limits' | 'observer' | 'onRepair' | 'now'> {
  readonly gather: Gather;
  readonly starts: SubscriptionStarts;
  readonly wishes: ChannelWishes;
  readonly budget: HoldBudget;
}

export class LaneDelivery {
  readonly #options: LaneDeliveryOptions;

  constructor(options: LaneDeliveryOptions) {
    this.#options = options;
  }

  onEnvelope(delivery: TopicDelivery, envelope: EnvelopeReader): void {
    const { observer, now } = this.#options;
    delivery.heardMs = now();
    if (!delivery.repairs.isRepairing(envelope.partition)) this.#apply(delivery, envelope);
    else observer.onEnvelope(delivery.repairs.hold(envelope) ? 'held' : 'dropped');
  }

  /** What a topic's repairs do here. */
  repairContext(delivery: TopicDelivery): RepairContext {
    const { limits, replays, budget, onRepair, now, wishes } = this.#options;
    const { repairTries: maxTries, repairBytes: maxBytes } = limits;
    const { topicId, name } = delivery.topic;
    const { lane } = delivery;
    return {
      lane,
      budget,
      maxTries,
      now,
      ask: (listener, ranges, patienceMs) =>
        replays.askForInterest(listener, { topicId, ranges, maxBytes, patienceMs }),
      release: (listener) => replays.release(listener),
      applyAnswer: (envelope, after, to) => this.#applyAnswer(delivery, envelope, after, to),
      applyHeld: (envelope) => this.#tryToApply(delivery, envelope) !== 'gap',
      onExpired: (range) => this.#skip(delivery, range),
      onNotRun: (channels) => {
        for (const id of channels) wishes.askAnew(delivery, delivery.channels.get(id));
      },
      onGivenUp: (range) => this.#giveUp(delivery, range),
      onEvent: (event) => onRepair(name, event),
    };
  }

  #apply(delivery: TopicDelivery, envelope: EnvelopeReader): void {
    const outcome = this.#tryToApply(delivery, envelope);
    if (outcome !== 'gap') return;
    const after = delivery.lane.lastOf(envelope.partition);
    if (after === null) return;
    this.#options.observer.onEnvelope(delivery.repairs.begin(envelope, after) ? 'held' : 'dropped');
    this.#options.wishes.askAnewWhoWaits(delivery, envelope.partition, envelope.joined);
  }

  #tryToApply(delivery: TopicDelivery, envelope: EnvelopeReader): 'applied' | 'ignored' | 'gap' {
    const { observer, wishes, gather } = this.#options;
    const { partition, joined } = envelope;
    const isNew = delivery.lane.lastOf(partition) === null;
    const step = delivery.lane.apply(partition, envelope);
    if (step.kind === 'gap') return 'gap';
    if (step.kind === 'ignored') {
      observer.onEnvelope(step.reason);
      return 'ignored';
    }
    if (isNew) this.#completeNew(delivery, partition, step);
    this.#beforeGathering(delivery, partition, step);
    delivery.gather(envelope, step, gather);
    observer.onEnvelope('applied', envelope);
    for (const id of step.joined) wishes.onJoined(delivery, delivery.channels.get(id));
    if (step.missed) wishes.askAnewWhoWaits(delivery, partition, joined);
    delivery.advanceReplays();
    return 'applied';
  }

  /**
   * A partition that was added to the topic: all of it is new to those who are live already. What the lane does not have
   * of it, because it was begun before they were known to its owner, they get by a replay from its beginning.
   */
  #completeNew(delivery: TopicDelivery, partition: number, { after, joined }: AppliedStep): void {
    const { gather, starts } = this.#options;
    const isWhole = compareCursors(after, beforeRecord(0)) <= 0;
    const complete = isWhole ? new Set(joined) : new Set<string>();
    for (const channel of delivery.channels.values()) {
      if (complete.has(channel.id) || channel.subscriptions.size === 0) continue;
      gather.flushChannel(channel);
      const position = delivery.lane.position().set(partition, beforeRecord(0));
      for (const subscription of [...channel.subscriptions]) {
        subscription.session?.dropHold(); // its next round begins the partition, too
        if (subscription.state === 'live') starts.resume(delivery, subscription, position);
      }
    }
  }

  /** Channels that were not matched for a while leave live delivery; everything up to `after` goes out before. */
  #beforeGathering(delivery: TopicDelivery, partition: number, step: AppliedStep): void {
    const { unjoined, rejoined, after, missed } = step;
    const { gather, wishes } = this.#options;
    if (missed || rejoined.length > 0) gather.flush(); // a frame's range has no hole
    if (unjoined.length === 0 && rejoined.length === 0) return;
    const position = delivery.lane.position().set(partition, after);
    for (const id of unjoined) wishes.askAnew(delivery, delivery.channels.get(id), position);
    for (const id of rejoined) this.#resumeRejoined(delivery, delivery.channels.get(id), partition, position);
  }

  /** The channel is matched again. Since when it was not, nobody knows: what clients were told is taken for complete. */
  #resumeRejoined(delivery: TopicDelivery, channel: Channel | undefined, partition: number, position: Position): void {
    const after = position.get(partition);
    if (!channel || !after) return;
    for (const subscription of [...channel.subscriptions]) {
      subscription.session?.dropHold();
      if (subscription.state !== 'live') continue;
      const told = subscription.toldTo(partition) ?? after;
      const complete = new Map(position).set(partition, compareCursors(told, after) < 0 ? told : after);
      this.#options.starts.resume(delivery, subscription, complete);
    }
  }

  #applyAnswer(delivery: TopicDelivery, envelope: EnvelopeReader, after: Cursor, to: Cursor): void {
    delivery.lane.moveTo(envelope.partition, to);
    delivery.gather(envelope, { after, to }, this.#options.gather);
    delivery.advanceReplays();
  }

  /** Nothing of the range will ever come: whoever is joined is told. */
  #skip(delivery: TopicDelivery, range: ExpiredRange): void {
    this.#options.gather.flush();
    delivery.lane.moveTo(range.partition, range.to);
    for (const id of [...delivery.lane.joinedOn(range.partition)]) delivery.channels.get(id)?.tellLost(range);
    delivery.advanceReplays();
  }

  #giveUp(delivery: TopicDelivery, range: ExpiredRange): void {
    const { gather, observer } = this.#options;
    gather.flush();
    for (const id of [...delivery.lane.joinedOn(range.partition)]) {
      const channel = delivery.channels.get(id);
      if (channel) observer.onGap(channel, closeLive(channel));
    }
    delivery.lane.moveTo(range.partition, range.to);
  }
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
