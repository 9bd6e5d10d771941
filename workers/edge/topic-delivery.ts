// One topic at this edge: its lane state, its channels, and what an envelope means for them. Pure: no sockets, no Redis,
// no clock of its own.

import type { CatalogTopic } from '../../schemas/coordination.ts';
import { type Cursor, compareCursors } from '../../schemas/cursor.ts';
import type { EnvelopeEvent, EnvelopeView } from '../../schemas/lane-envelope.ts';
import type { Channel } from './channel.ts';
import { buildEventsFrames } from './events-frame.ts';
import type { AppliedStep, IgnoredReason } from './partition-state.ts';
import { TopicLane } from './topic-lane.ts';

export interface Delivered {
  readonly frames: number;
  /** Frames × clients. */
  readonly framesSent: number;
  /** Events × clients. */
  readonly deliveries: number;
}

export type EnvelopeOutcome =
  | { readonly kind: 'ignored'; readonly reason: IgnoredReason }
  | ({ readonly kind: 'applied'; readonly step: AppliedStep } & Delivered);

export class TopicDelivery {
  /** Its partitions may grow; everything else of a topic stays. */
  topic: CatalogTopic;
  readonly lane = new TopicLane();
  readonly channels = new Map<string, Channel>();
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
   * Applies a live envelope: whoever lost something is told first, then events go to the channels joined here.
   *
   * @param onLost called for each channel whose stream has a hole now, before anything behind the hole is published
   */
  apply(
    envelope: EnvelopeView,
    nowMs: number,
    frameBytes: number,
    onLost: (channel: Channel) => void,
  ): EnvelopeOutcome {
    this.heardMs = nowMs;
    const step = this.lane.apply(envelope.partition, envelope);
    if (step.kind === 'ignored') return step;
    for (const id of step.lost) {
      const channel = this.channels.get(id);
      if (channel) onLost(channel);
    }
    return { kind: 'applied', step, ...this.#publish(envelope, step, nowMs, frameBytes) };
  }

  #publish(envelope: EnvelopeView, step: AppliedStep, sentMs: number, frameBytes: number): Delivered {
    const { partition, oldestRecordMs, publishedMs } = envelope;
    let frames = 0;
    let framesSent = 0;
    let deliveries = 0;
    for (const { channel: id, refs } of envelope.channels) {
      const channel = this.channels.get(id);
      if (!channel?.hasAudience || !this.lane.isJoined(id, partition)) continue;
      const events = eventsBehind(envelope.events, refs, step.after);
      const range = { channel: id, partition, from: step.after, to: step.to, oldestRecordMs, publishedMs, sentMs };
      const built = buildEventsFrames(range, events, frameBytes);
      channel.publish(built);
      frames += built.length;
      framesSent += built.length * channel.memberCount;
      deliveries += events.length * channel.memberCount;
    }
    return { frames, framesSent, deliveries };
  }
}

/** What of a channel's events lies behind `after`; usually all of it. */
function eventsBehind(events: readonly EnvelopeEvent[], refs: ArrayLike<number>, after: Cursor): EnvelopeEvent[] {
  const behind: EnvelopeEvent[] = [];
  for (let i = 0; i < refs.length; i++) {
    const event = events[refs[i] ?? -1];
    if (event && compareCursors(event.cursor, after) > 0) behind.push(event);
  }
  return behind;
}
