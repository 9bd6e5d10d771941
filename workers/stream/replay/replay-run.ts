// One replay request while it is answered: its channels, its ranges, and how far each of them has come. Several of them
// share a reading of Kafka; each takes from it what lies in its ranges.

import type { KafkaMessage } from '../../../platform/kafka.ts';
import type { ReplayRequest } from '../../../schemas/coordination.ts';
import { afterRecord, type Cursor, compareCursors } from '../../../schemas/cursor.ts';

/** A channel to run; its generation is told when the answer names its channels. */
export interface ReplayChannel {
  readonly channel: string;
  readonly plan: unknown;
  readonly generation: number;
}

/** A range that is being read. */
export interface ReplaySlot {
  /** Names it in slabs. */
  readonly slot: number;
  readonly partition: number;
  readonly until: Cursor;
  /** Everything up to here has been sent. */
  position: Cursor;
  nextOffset: number;
  /** There are no more records before the end of the range. */
  isRead: boolean;
}

export class ReplayRun {
  readonly request: ReplayRequest;
  readonly channels: readonly ReplayChannel[];
  /** Stands for the topic in the kernel, so that no other run's channels answer this one. */
  readonly scope: number;
  /** By partition; those whose last envelope has been sent are gone. */
  readonly open = new Map<number, ReplaySlot>();
  sentBytes = 0;

  constructor(request: ReplayRequest, channels: readonly ReplayChannel[], scope: number) {
    this.request = request;
    this.channels = channels;
    this.scope = scope;
  }

  /** Notes how far the partition has been read. @returns the slot when the record belongs to its range */
  take({ partition, offset }: KafkaMessage): ReplaySlot | null {
    const slot = this.open.get(partition);
    if (!slot || offset < slot.nextOffset) return null;
    slot.nextOffset = offset + 1;
    if (offset >= slot.until.offset) slot.isRead = true;
    return offset <= slot.until.offset ? slot : null;
  }

  /** Kafka has nothing before `offset` that was not read. */
  reachedEnd(partition: number, offset: number): void {
    const slot = this.open.get(partition);
    if (slot && offset > slot.until.offset) slot.isRead = true;
  }
}

/** What is left when its record was sent. */
export function advance(slot: ReplaySlot, offset: number): void {
  const to = afterRecord(offset);
  slot.position = compareCursors(to, slot.until) < 0 ? to : slot.until;
}
