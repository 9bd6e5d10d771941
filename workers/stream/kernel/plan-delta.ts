// What changes a kernel's mind, as plain data that travels to its thread. Deltas take effect between slabs, in the order
// they are given; that makes "from this cursor on, this channel is matched" an exact statement.

import type { Cursor } from '../../../schemas/cursor.ts';

export interface AddSchema {
  readonly kind: 'schema';
  readonly schemaId: number;
  /** Avro JSON, self-contained. */
  readonly text: string;
}

/** Begins a partition. Every lane with interest in its topic gets a `joined` for each of its channels. */
export interface OpenPartition {
  readonly kind: 'open';
  /** Number by which slabs name the partition; free for another one after `close`. */
  readonly slot: number;
  readonly topicId: number;
  readonly partition: number;
  readonly epoch: number;
  /** Everything up to here has been distributed before. */
  readonly from: Cursor;
  /** Only for a replay. */
  readonly replay?: ReplayRange;
}

export interface ReplayRange {
  readonly requestId: number;
  /** Goes into the envelopes. The slot's own `topicId` is then a number of its own, which keeps replays apart. */
  readonly topicId: number;
  /** The last cursor that belongs to the range. */
  readonly until: Cursor;
}

export interface ClosePartition {
  readonly kind: 'close';
  readonly slot: number;
}

/** Records are gone: the partition goes on behind `from`, and every lane sees the hole as a range it never got. */
export interface SkipRange {
  readonly kind: 'skip';
  readonly slot: number;
  readonly from: Cursor;
}

export interface AddChannel {
  readonly kind: 'add';
  /** Id of the edge. */
  readonly lane: string;
  readonly channel: string;
  readonly generation: number;
  readonly topicId: number;
  /** A Plan as it came from the edge. */
  readonly plan: unknown;
}

export interface RemoveChannel {
  readonly kind: 'remove';
  readonly lane: string;
  readonly channel: string;
  /** A channel that was added again since, with a newer generation, stays. */
  readonly generation: number;
  /** Needed when the same channel may have been added under several topic ids, as replays do. */
  readonly topicId?: number;
}

export interface DropLane {
  readonly kind: 'drop-lane';
  readonly lane: string;
}

export type PlanDelta = AddSchema | OpenPartition | ClosePartition | SkipRange | AddChannel | RemoveChannel | DropLane;
