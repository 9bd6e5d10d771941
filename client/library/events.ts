// What a subscription hands to its user: events with their cursors, in batches as they came, and gaps.

import type { Cursor } from '../../schemas/cursor.ts';
import type { MdsErrorCode } from '../../schemas/errors.ts';

/** Where an event is in its topic. Unique in the topic, and ordered within a partition. */
export interface EventCursor extends Cursor {
  readonly partition: number;
}

/** Equal for the same event. */
export const eventKey = ({ partition, offset, index }: EventCursor): string => `${partition}/${offset}/${index}`;

/** Times of the frame an event came in, ms since 1970; each by the clock of the machine that took it. */
export interface FrameTimes {
  /** Kafka's timestamp of the oldest record that the frame was made from. */
  readonly recordMs: number;
  /** The stream worker published it. */
  readonly publishedMs: number;
  /** The edge sent it. */
  readonly sentMs: number;
  /** This client received it. */
  readonly receivedMs: number;
}

export interface ReceivedEvent<T> {
  readonly data: T;
  readonly cursor: EventCursor;
  readonly times: FrameTimes;
}

/** Events of one partition in cursor order; never empty. */
export interface EventBatch<T> {
  readonly partition: number;
  /** Exclusive. */
  readonly from: Cursor;
  /** Inclusive: when the batch was handed out, the subscription has come to here. */
  readonly to: Cursor;
  readonly events: readonly ReceivedEvent<T>[];
}

/** A range `(from, to]` of one partition that this subscription will never get, and why. */
export interface Gap {
  readonly partition: number;
  readonly from: Cursor;
  readonly to: Cursor;
  readonly code: MdsErrorCode;
  readonly message: string;
}

/** Matching events in `(from, to]` of one partition that were left out, as the subscription's own `overflow` says. */
export interface Shed {
  readonly partition: number;
  readonly from: Cursor;
  readonly to: Cursor;
  readonly count: number;
  /** `dropped`: left out; `conflated`: a later event of the same key came instead. */
  readonly reason: 'dropped' | 'conflated';
}

/** How many events were left out since the subscription began. */
export interface ShedCounts {
  readonly dropped: number;
  readonly conflated: number;
}
