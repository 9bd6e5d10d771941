// What delivery needs from the rest of the edge, and what it tells it.

import type { AvroRecord } from '../../schemas/avro/avro-type.ts';
import type { CatalogTopic, Interest } from '../../schemas/coordination.ts';
import type { EnvelopeReader } from '../../schemas/envelope-reader.ts';
import type { MdsError } from '../../schemas/errors.ts';
import type { SubscribeMessage } from '../../schemas/frames.ts';
import type { Plan, PlanFormat } from '../../schemas/plan/plan.ts';
import type { Channel } from './channel.ts';
import type { CountSent } from './gather.ts';
import type { IgnoredReason } from './partition-state.ts';
import type { RepairEvent } from './repair/topic-repairs.ts';
import type { ReplayClient } from './replay-client.ts';
import type { ReplayLimits } from './replay-session.ts';

/** Where the edge's wishes for channels go. The latest wish for a channel counts. */
export interface InterestSink {
  /** Throws when a wish cannot reach the workers now. */
  assertReachable(): void;
  add(interest: Interest): void;
  remove(channel: string, generation: number): void;
}

export interface TopicSource {
  /**
   * @param isShown which of the tenant's topics an error may name as what was meant
   * @throws MdsError `MDS_TOPIC_UNKNOWN`
   */
  topicNamed(tenant: string, name: string, isShown?: (name: string) => boolean): CatalogTopic;
  /** @throws MdsError `MDS_FILTER_…` or `MDS_PROJECTION_…` */
  planFor(topic: CatalogTopic, request: Pick<SubscribeMessage, 'filter' | 'fields'>, format: PlanFormat): ChannelPlan;
  /** The record that one event of the topic is. @throws MdsError `MDS_SCHEMA_…` */
  schemaOf(topic: CatalogTopic): AvroRecord;
}

/** A plan with the id of its channel: both follow from the request, and computing them is most of what a subscribe costs. */
export interface ChannelPlan {
  readonly plan: Plan;
  readonly channel: string;
  /** Of the plan's filter for each event, as `costOf` counts. */
  readonly cost: number;
}

export interface DeliveryLimits extends ReplayLimits {
  /** Nothing of a replay is sent while more than this waits in the client's buffer. */
  readonly lowWaterBytes: number;
  readonly frameBytes: number;
  readonly joinTimeoutMs: number;
  readonly lingerMs: number;
  readonly positionIntervalMs: number;
  /** Live envelopes kept behind gaps, in all. */
  readonly repairHoldBytes: number;
  /** Requests of a repair in a row that may bring nothing. */
  readonly repairTries: number;
  /** Of one answer to a repair. */
  readonly repairBytes: number;
}

/** What an envelope says of its way here. */
export type EnvelopeTimes = Pick<EnvelopeReader, 'oldestRecordMs' | 'receivedMs' | 'publishedMs' | 'eventCount'>;

export type LiveOutcome = 'applied' | IgnoredReason | 'unknown_topic' | 'held' | 'dropped';

export interface DeliveryObserver {
  /** @param applied only for outcome `applied` */
  onEnvelope(outcome: LiveOutcome, applied?: EnvelopeTimes): void;
  /** Live frames of one moment whose oldest record is this one. */
  readonly onSent: CountSent;
  onReplaySent(frameCount: number, eventCount: number): void;
  /** `clients` were closed because a gap in the channel's stream could not be repaired. */
  onGap(channel: Channel, clients: number): void;
  /** A subscription ended for this reason. */
  onFailed?(error: MdsError, channel: Channel): void;
}

export interface DeliveryOptions {
  readonly topics: TopicSource;
  readonly interest: InterestSink;
  readonly replays: ReplayClient;
  readonly limits: DeliveryLimits;
  readonly observer: DeliveryObserver;
  /** @param topic by name */
  readonly onRepair: (topic: string, event: RepairEvent) => void;
  readonly now: () => number;
  /** Writes to the sockets all that was sent to clients. */
  readonly writeAll: () => void;
  /** Calls `flush` when there is nothing more to read right now. */
  readonly whenIdle: (flush: () => void) => void;
}
