// A follower takes a channel's events by itself, one batch after the other, instead of the frames that all members of the
// channel share. Who paces, conflates or acknowledges per subscriber is a follower: durable/ and overflow/.

import type { Cursor, Position } from '../../schemas/cursor.ts';
import type { MdsError } from '../../schemas/errors.ts';
import type { PlanFormat } from '../../schemas/plan/plan.ts';
import type { GatheredEvents } from './gathered-events.ts';

export interface FollowedEvent {
  readonly cursor: Cursor;
  /** UTF-8 JSON or raw Avro, as the plan's format says. */
  readonly bytes: Buffer;
}

/** Events of one partition in cursor order, for the range (from, to]; copies, shared by all followers of the channel. */
export interface EventBatch {
  readonly partition: number;
  /** Exclusive. */
  readonly from: Cursor;
  /** Inclusive: between the last event and here nothing matched. */
  readonly to: Cursor;
  /** Kafka timestamp of the oldest record, ms since 1970. */
  readonly recordMs: number;
  readonly publishedMs: number;
  readonly byteLength: number;
  readonly events: readonly FollowedEvent[];
}

/** A range that will never come. */
export interface LostRange {
  readonly partition: number;
  readonly from: Cursor;
  readonly to: Cursor;
  readonly error: MdsError;
}

export interface Follower {
  readonly format: PlanFormat;
  /**
   * True while it takes nothing more from a replay; whoever was full calls `advance` of its subscription when it no longer
   * is. Live batches come all the same: what does not fit is shed, or the subscription ended and followed again later.
   */
  readonly isFull: boolean;
  /**
   * True while it takes nothing at all: when its tenant is suspended, what it gets live goes on as a replay, which waits.
   * Absent: it decides for its own client.
   */
  readonly isPaused?: boolean;
  /**
   * @param position everything behind it comes
   * @param isReplaying what lies between it and the present comes first
   */
  onStart(position: Position, isReplaying: boolean): void;
  /** The replay is done; once more after each time the edge had to read a part again for a subscription that was live. */
  onLive(): void;
  onEvents(batch: EventBatch): void;
  onLost(range: LostRange): void;
  /** Nothing matched up to here that was not given; told now and then while it is live. */
  onPosition(position: Position): void;
  /** It gets nothing more; `error` is null when it was ended by its owner. */
  onEnd(error: MdsError | null): void;
}

/** Copies what was gathered. */
export function batchOf(gathered: GatheredEvents): EventBatch {
  const { partition, from, to, oldestRecordMs: recordMs, publishedMs, byteLength, count } = gathered;
  const events = Array.from({ length: count }, (_, i) => ({
    cursor: gathered.cursor(i),
    bytes: copyOf(gathered, i),
  }));
  return { partition, from, to, recordMs, publishedMs, byteLength, events };
}

function copyOf(gathered: GatheredEvents, i: number): Buffer {
  const envelope = gathered.envelope(i);
  const start = envelope.eventStart(gathered.place(i));
  return Buffer.from(envelope.bytes.subarray(start, start + gathered.length(i)));
}
