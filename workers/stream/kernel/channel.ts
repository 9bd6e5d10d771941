// A channel as the kernel keeps it: its plan, and the lanes that want it. Lanes and channels have small numbers here, so
// that what is kept for each of them is found by index.

import type { MdsError } from '../../../schemas/errors.ts';
import type { ChannelPlan } from './channel-plan.ts';
import type { Indexed } from './match/match-index.ts';
import type { Projection } from './transcode/projection.ts';

export interface Channel {
  /** 32 hex characters. */
  readonly id: string;
  /** The same as 16 bytes. */
  readonly idBytes: Uint8Array;
  readonly number: number;
  readonly topicId: number;
  /** An error when the plan could not be read: the channel matches nothing, and somebody must know. */
  readonly plan: ChannelPlan | MdsError;
  /** Lane number → generation of its interest. */
  readonly lanes: Map<number, number>;
  /** The keys of `lanes`. */
  laneNumbers: readonly number[];
}

/** A channel on events of one writer's schema. */
export interface MatchedChannel extends Indexed {
  readonly channel: Channel;
  /** One object for all channels with the same projection: an event is transcoded once for each. */
  readonly projection: Projection;
}

export interface PlanFailure {
  readonly channel: string;
  readonly schemaId: number;
  readonly message: string;
}
