// One topic at this edge: its lane state, its channels, and what an envelope means for them. Pure: no sockets, no Redis,
// no clock of its own.

import type { CatalogTopic } from '../../schemas/coordination.ts';
import { sameCursor } from '../../schemas/cursor.ts';
import type { EnvelopeReader } from '../../schemas/envelope-reader.ts';
import type { Channel } from './channel.ts';
import { ChannelTable } from './channel-table.ts';
import type { Gather } from './gather.ts';
import type { AppliedStep, IgnoredReason } from './partition-state.ts';
import type { Subscription } from './subscription.ts';
import { TopicLane } from './topic-lane.ts';

export type EnvelopeOutcome =
  | { readonly kind: 'ignored'; readonly reason: IgnoredReason }
  | { readonly kind: 'applied'; readonly step: AppliedStep };

export class TopicDelivery {
  /** Its partitions may grow; everything else of a topic stays. */
  topic: CatalogTopic;
  readonly lane = new TopicLane();
  readonly channels = new ChannelTable();
  /** Subscriptions in the middle of a replay, on any of the channels. */
  readonly catchingUp = new Set<Subscription>();
  /** When the lane last said something of this topic, or when the first channel began to wait for that. */
  heardMs: number;

  constructor(topic: CatalogTopic, nowMs: number) {
    this.topic = topic;
    this.heardMs = nowMs;
  }

  isJoined(channel: Channel): boolean {
    return this.lane.isJoinedEverywhere(channel.id, this.topic.partitions);
  }

  /**
   * Applies a live envelope: whoever lost something is told first, then events are gathered for the channels joined here.
   *
   * @param onLost called for each channel whose stream has a hole now, before anything behind the hole is gathered
   */
  apply(envelope: EnvelopeReader, nowMs: number, gather: Gather, onLost: (channel: Channel) => void): EnvelopeOutcome {
    this.heardMs = nowMs;
    const step = this.lane.apply(envelope.partition, envelope);
    if (step.kind === 'ignored') return step;
    // A frame's range has no hole: what was gathered before the hole is a frame of its own.
    if (step.missed || step.lost.length > 0) gather.flush();
    for (const id of step.lost) {
      const channel = this.channels.get(id);
      if (channel) onLost(channel);
    }
    this.#gather(envelope, step, gather);
    return { kind: 'applied', step };
  }

  #gather(envelope: EnvelopeReader, step: AppliedStep, gather: Gather): void {
    const isOverlapping = !sameCursor(step.after, envelope.from);
    const { channelCount, partition } = envelope;
    for (let i = 0, at = envelope.channelsAt; i < channelCount; i++, at = envelope.channelBehind(at)) {
      const channel = this.channels.find(envelope, at);
      if (!channel?.hasAudience || !this.lane.isJoined(channel.id, partition)) continue;
      gather.take(channel, envelope, at, step, isOverlapping);
    }
    gather.taken(envelope);
  }
}
