// What one subscription with an overflow policy has not been told yet: the events that wait for room, of equal key only the
// latest, and how many were left out, exactly where. Pure.
//
//   partition   told ──┬── n left out ── event ── n left out ── event ── n left out ──┬ reached
//                      └ the subscriber's position                          tail ─────┘
//
// Whatever is taken is a range from `told` on in which each matching event is either there or counted. So a position behind
// it claims nothing that still waits, and the counts of a range are exact. An event is replaced only by a later one of its
// own partition: which of two partitions is ahead says nothing about which event is newer.

import { type Cursor, compareCursors, type Position } from '../../../schemas/cursor.ts';
import type { FollowedEvent } from '../follower.ts';

/** Why an event is left out. */
export type ShedReason = 'dropped' | 'conflated';
export type ShedCounts = Readonly<Record<ShedReason, number>>;

/** Everything that matched in (from, to]: as events, or as counts. */
export interface SettledRange {
  readonly partition: number;
  readonly from: Cursor;
  readonly to: Cursor;
  /** Of the record and the envelope of the oldest event. */
  readonly recordMs: number;
  readonly publishedMs: number;
  readonly events: readonly FollowedEvent[];
  readonly shed: ShedCounts;
}

export interface WaitingLimits {
  readonly bytes: number;
  readonly events: number;
}

/** Bytes that wait for all slow clients of an edge together. */
export class WaitingMemory {
  readonly limitBytes: number;
  usedBytes = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }
}

/** Where an event stands when it came, and when. */
export interface Arrival {
  readonly partition: number;
  readonly recordMs: number;
  readonly publishedMs: number;
}

interface Waiting extends Arrival {
  readonly event: FollowedEvent;
  readonly key: string;
  readonly byteLength: number;
  /** Grows over all partitions: the smallest has waited longest. */
  readonly number: number;
  /** Left out between the event before this one and this one. */
  readonly shedBefore: Record<ShedReason, number>;
  previous: Waiting | null;
  next: Waiting | null;
}

interface PartitionWait {
  told: Cursor;
  reached: Cursor;
  first: Waiting | null;
  last: Waiting | null;
  readonly byKey: Map<string, Waiting>;
  /** Left out behind the last waiting event. */
  readonly tail: Record<ShedReason, number>;
  recordMs: number;
  publishedMs: number;
}

/** What an event costs besides its bytes: the entry, its key, its place in the map. */
const EVENT_OVERHEAD_BYTES = 256;
const START: Cursor = { offset: -1, index: 0 };

export class WaitingEvents {
  readonly #limits: WaitingLimits;
  readonly #memory: WaitingMemory;
  readonly #partitions = new Map<number, PartitionWait>();
  readonly #shed: Record<ShedReason, number> = { dropped: 0, conflated: 0 };
  #untoldCount = 0;
  #count = 0;
  #byteLength = 0;
  #lastNumber = 0;

  constructor(limits: WaitingLimits, memory: WaitingMemory) {
    this.#limits = limits;
    this.#memory = memory;
  }

  /** Events that wait. */
  get count(): number {
    return this.#count;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  /** Left out since the beginning. */
  get shed(): ShedCounts {
    return this.#shed;
  }

  /** True while there is something to take. */
  get isPending(): boolean {
    return this.#count > 0 || this.#untoldCount > 0;
  }

  /** The subscriber knows everything up to here; nothing may wait yet. */
  start(position: Position): void {
    for (const [partition, cursor] of position) {
      const of = this.#partition(partition);
      of.told = cursor;
      of.reached = cursor;
    }
  }

  /** Nothing more matched up to here. */
  reach(partition: number, to: Cursor): void {
    const of = this.#partition(partition);
    of.reached = later(of.reached, to);
  }

  /** The event is left out. */
  drop({ cursor }: FollowedEvent, arrival: Arrival): void {
    const of = this.#arrive(cursor, arrival);
    of.tail.dropped += 1;
    this.#shed.dropped += 1;
    this.#untoldCount += 1;
  }

  /** The event waits. It takes the place of an earlier one of its key; when that makes too many, the oldest is left out. */
  keep({ cursor, bytes }: FollowedEvent, key: string, arrival: Arrival): void {
    const of = this.#arrive(cursor, arrival);
    const earlier = of.byKey.get(key);
    if (earlier) this.#leaveOut(of, earlier, 'conflated');
    const { partition, recordMs, publishedMs } = arrival;
    const waiting: Waiting = {
      partition,
      recordMs,
      publishedMs,
      event: { cursor, bytes: ownCopyOf(bytes) },
      key,
      byteLength: bytes.length + 2 * key.length + EVENT_OVERHEAD_BYTES,
      number: ++this.#lastNumber,
      shedBefore: { ...of.tail },
      previous: of.last,
      next: null,
    };
    of.tail.dropped = 0;
    of.tail.conflated = 0;
    if (of.last) of.last.next = waiting;
    else of.first = waiting;
    of.last = waiting;
    of.byKey.set(key, waiting);
    this.#count += 1;
    this.#charge(waiting.byteLength);
    while (this.#isOverLimit()) this.#leaveOutOldest();
  }

  /**
   * What has waited longest, with what was left out before it.
   *
   * @param maxBytes event bytes at most, about: at least one event is taken
   * @param maxEvents at least 1
   * @returns null when there is nothing to take
   */
  take(maxBytes: number, maxEvents: number): SettledRange | null {
    if (!this.isPending) return null;
    const oldest = this.#oldest();
    if (oldest) return this.takeOf(oldest.partition, maxBytes, maxEvents);
    for (const [partition, of] of this.#partitions) {
      if (of.first === null && of.tail.dropped + of.tail.conflated > 0) return this.takeOf(partition, maxBytes, 0);
    }
    return null;
  }

  /** The same, of one partition. */
  takeOf(partition: number, maxBytes: number, maxEvents: number): SettledRange {
    const of = this.#partition(partition);
    const { recordMs, publishedMs } = of.first ?? of;
    const from = of.told;
    const shed = { dropped: 0, conflated: 0 };
    const events: FollowedEvent[] = [];
    for (let bytes = 0; of.first !== null && events.length < maxEvents; ) {
      const { event, shedBefore } = of.first;
      bytes += event.bytes.length;
      if (bytes > maxBytes && events.length > 0) break;
      events.push(event);
      moveCounts(shedBefore, shed);
      of.told = event.cursor;
      this.#unlink(of, of.first);
    }
    if (of.first === null) {
      moveCounts(of.tail, shed);
      of.told = of.reached;
    }
    this.#untoldCount -= shed.dropped + shed.conflated;
    return { partition, from, to: of.told, recordMs, publishedMs, events, shed };
  }

  /**
   * Events that need not wait, as nothing of their partition does.
   *
   * @param to everything that matched up to here is among them, or was left out before
   */
  pass(events: readonly FollowedEvent[], to: Cursor, { partition, recordMs, publishedMs }: Arrival): SettledRange {
    const of = this.#partition(partition);
    of.reached = later(of.reached, to);
    const { from, to: end, shed } = this.takeOf(partition, 0, 0);
    return { partition, from, to: end, recordMs, publishedMs, events, shed };
  }

  /** Of this partition, nothing up to here will be said any more. */
  skip(partition: number, to: Cursor): void {
    const of = this.#partition(partition);
    of.reached = later(of.reached, to);
    of.told = of.reached;
  }

  /** What the subscriber may resume from: nothing that waits, or that it was not told of, is before it. */
  position(): Map<number, Cursor> {
    const position = new Map<number, Cursor>();
    for (const [partition, of] of this.#partitions) {
      const isSettled = of.first === null && of.tail.dropped + of.tail.conflated === 0;
      if (isSettled) of.told = of.reached;
      position.set(partition, of.told);
    }
    return position;
  }

  /** Gives its memory back. */
  clear(): void {
    this.#charge(-this.#byteLength);
    this.#partitions.clear();
    this.#count = 0;
    this.#untoldCount = 0;
  }

  #partition(partition: number): PartitionWait {
    let of = this.#partitions.get(partition);
    if (!of) {
      of = {
        told: START,
        reached: START,
        first: null,
        last: null,
        byKey: new Map(),
        tail: { dropped: 0, conflated: 0 },
        recordMs: 0,
        publishedMs: 0,
      };
      this.#partitions.set(partition, of);
    }
    return of;
  }

  #arrive(cursor: Cursor, { partition, recordMs, publishedMs }: Arrival): PartitionWait {
    const of = this.#partition(partition);
    of.reached = later(of.reached, cursor);
    of.recordMs = recordMs;
    of.publishedMs = publishedMs;
    return of;
  }

  #isOverLimit(): boolean {
    if (this.#count > this.#limits.events || this.#byteLength > this.#limits.bytes) return true;
    return this.#count > 0 && this.#memory.usedBytes > this.#memory.limitBytes;
  }

  #oldest(): Waiting | null {
    let oldest: Waiting | null = null;
    for (const { first } of this.#partitions.values()) {
      if (first !== null && (oldest === null || first.number < oldest.number)) oldest = first;
    }
    return oldest;
  }

  #leaveOutOldest(): void {
    const oldest = this.#oldest();
    if (oldest) this.#leaveOut(this.#partition(oldest.partition), oldest, 'dropped');
  }

  /** What is counted before it is counted before its successor from now on, and so is the event itself. */
  #leaveOut(of: PartitionWait, waiting: Waiting, reason: ShedReason): void {
    const counts = waiting.next?.shedBefore ?? of.tail;
    moveCounts(waiting.shedBefore, counts);
    counts[reason] += 1;
    this.#shed[reason] += 1;
    this.#untoldCount += 1;
    this.#unlink(of, waiting);
  }

  #unlink(of: PartitionWait, waiting: Waiting): void {
    if (waiting.previous) waiting.previous.next = waiting.next;
    else of.first = waiting.next;
    if (waiting.next) waiting.next.previous = waiting.previous;
    else of.last = waiting.previous;
    of.byKey.delete(waiting.key);
    this.#count -= 1;
    this.#charge(-waiting.byteLength);
  }

  #charge(byteLength: number): void {
    this.#byteLength += byteLength;
    this.#memory.usedBytes += byteLength;
  }
}

function moveCounts(from: Record<ShedReason, number>, to: Record<ShedReason, number>): void {
  to.dropped += from.dropped;
  to.conflated += from.conflated;
  from.dropped = 0;
  from.conflated = 0;
}

/** A slice of a pool would keep the whole pool for as long as the one event waits. */
function ownCopyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

const later = (a: Cursor, b: Cursor): Cursor => (compareCursors(a, b) >= 0 ? a : b);
