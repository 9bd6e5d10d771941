// One topic at this edge: its lane, its channels, its repairs, and which events of an envelope go to whom. Pure: no sockets,
// no Redis, no clock of its own.

import type { CatalogTopic } from '../../schemas/coordination.ts';
import { sameCursor } from '../../schemas/cursor.ts';
import type { EnvelopeReader } from '../../schemas/envelope-reader.ts';
import type { AppliedRange, Channel } from './channel.ts';
import { ChannelTable } from './channel-table.ts';
import type { Gather } from './gather.ts';
import { type RepairContext, TopicRepairs } from './repair/topic-repairs.ts';
import type { Subscription } from './subscription.ts';
import { TopicLane } from './topic-lane.ts';

export class TopicDelivery {
  /** Its partitions may grow; everything else of a topic stays. */
  topic: CatalogTopic;
  readonly lane = new TopicLane();
  readonly channels = new ChannelTable();
  readonly repairs: TopicRepairs;
  /** Subscriptions in the middle of a replay, on any of the channels. */
  readonly catchingUp = new Set<Subscription>();
  /** When the lane last said something of this topic, or when the first channel began to wait for that. */
  heardMs: number;

  constructor(topic: CatalogTopic, nowMs: number, repairContext: (delivery: TopicDelivery) => RepairContext) {
    this.topic = topic;
    this.heardMs = nowMs;
    this.repairs = new TopicRepairs(repairContext(this));
  }

  /** As many as the catalog says, or as are followed already. */
  get partitionCount(): number {
    return Math.max(this.topic.partitions, this.lane.partitionCount);
  }

  isJoined(channel: Channel): boolean {
    return this.lane.isJoinedEverywhere(channel.id, this.partitionCount);
  }

  /** Gathers what an envelope has in the range for the channels joined on its partition. */
  gather(envelope: EnvelopeReader, range: AppliedRange, gather: Gather): void {
    const { channelCount, partition, from, to } = envelope;
    const isPartial = !sameCursor(range.after, from) || !sameCursor(range.to, to);
    for (let i = 0, at = envelope.channelsAt; i < channelCount; i++, at = envelope.channelBehind(at)) {
      const channel = this.channels.find(envelope, at);
      if (!channel?.hasAudience || !this.lane.isJoined(channel.id, partition)) continue;
      gather.take(channel, envelope, at, range, isPartial);
    }
    gather.taken(envelope);
  }

  /** What waited for the lane to move may go on. */
  advanceReplays(): void {
    if (this.catchingUp.size === 0) return;
    for (const subscription of [...this.catchingUp]) subscription.session?.advance();
  }
}
