// One open partition as the kernel sees it: how far it has come, and where each lane with interest in its topic stands.

import type { Cursor } from '../../../schemas/cursor.ts';
import type { EnvelopeKind } from '../../../schemas/lane-envelope.ts';
import type { Channel } from './channel.ts';
import { LaneRange } from './lane-range.ts';
import type { OpenPartition, ReplayRange } from './plan-delta.ts';

/** The lane of an edge, and its number in this kernel. */
export interface Lane {
  readonly name: string;
  readonly number: number;
}

export class OpenSlot {
  readonly slot: number;
  readonly topicId: number;
  readonly partition: number;
  readonly replay: ReplayRange | undefined;
  /** The part of each envelope's header that never changes. */
  readonly header: {
    readonly kind: EnvelopeKind;
    readonly topicId: number;
    readonly partition: number;
    readonly epoch: number;
    readonly requestId: number;
  };
  /** Everything up to here has been dealt with. */
  position: Cursor;
  /** Where the range begins, for a replay that begins inside a record. */
  readonly from: Cursor;
  /** When the last record was in hand, ms since 1970; 0 before the first. */
  receivedMs = 0;
  /** Ranges with joins to tell. */
  readonly joining = new Set<LaneRange>();
  /** Ranges with events to write. */
  readonly collecting = new Set<LaneRange>();
  /** By lane number. */
  readonly #ranges = new Map<number, LaneRange>();
  readonly #rangeOf: (LaneRange | undefined)[] = [];

  constructor({ slot, topicId, partition, epoch, from, replay }: OpenPartition) {
    this.slot = slot;
    this.topicId = topicId;
    this.partition = partition;
    this.replay = replay;
    this.position = from;
    this.from = from;
    this.header = {
      kind: replay ? 'replay' : 'live',
      topicId: replay?.topicId ?? topicId,
      partition,
      epoch,
      requestId: replay?.requestId ?? 0,
    };
  }

  ranges(): Iterable<LaneRange> {
    return this.#ranges.values();
  }

  /** @returns undefined for a lane that wants nothing of the topic */
  rangeOf(lane: number): LaneRange | undefined {
    return this.#rangeOf[lane];
  }

  /** A lane that is new to the topic begins where the partition stands. A replay joins nobody. */
  join({ name, number }: Lane, channel: Channel, generation: number): void {
    let range = this.#ranges.get(number);
    if (!range) {
      range = new LaneRange(name, number, this.position);
      this.#ranges.set(number, range);
      for (let i = this.#rangeOf.length; i < number; i++) this.#rangeOf[i] = undefined; // holes would make it slow
      this.#rangeOf[number] = range;
    }
    if (this.replay) return;
    range.join(channel, generation);
    this.joining.add(range);
  }

  /** @param wasLast the lane wants nothing of the topic any more; when it comes back, it begins anew */
  leave({ number }: Lane, channel: string, wasLast: boolean): void {
    const range = this.#ranges.get(number);
    if (!range) return;
    range.leave(channel);
    if (wasLast || range.joiningCount === 0) this.joining.delete(range);
    if (!wasLast) return;
    this.collecting.delete(range);
    this.#ranges.delete(number);
    this.#rangeOf[number] = undefined;
  }

  oweAll(): void {
    for (const range of this.#ranges.values()) range.owed = true;
  }

  /** Lanes are told of the hole by a `from` beyond their last `to`. */
  skipTo(position: Cursor): void {
    this.position = position;
    for (const range of this.#ranges.values()) {
      range.to = position;
      range.owed = true;
    }
  }
}
