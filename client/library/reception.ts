// Takes the frames of a subscription that has begun into its queue: what was seen already is left out, what there is no room
// for is refused, and both positions are kept exact, that of what was received and that of what was handed out.

import { type Cursor, compareCursors } from '../../schemas/cursor.ts';
import type { EventsFrame, GapFrame, ShedFrame } from '../../schemas/frames.ts';
import { decodeResumeToken } from '../../schemas/resume-token.ts';
import { DeliveryQueue } from './delivery-queue.ts';
import type { EventBatch, ShedCounts } from './events.ts';
import { batchOf, cursorOf } from './frame-events.ts';
import { Progress } from './progress.ts';

export class Reception<T> {
  readonly queue: DeliveryQueue<T>;
  readonly #received: Progress;
  readonly #delivered: Progress;
  readonly #shed = { dropped: 0, conflated: 0 };

  /** @param start token of where it begins; @param limit most events to hold */
  constructor(start: string, limit: number) {
    this.#received = Progress.fromToken(start);
    this.#delivered = Progress.fromToken(start);
    this.queue = new DeliveryQueue(limit, this.#delivered);
  }

  /** Of what was received: where to resume. */
  get resumeToken(): string {
    return this.#received.token;
  }

  /** Of what was handed out. */
  get token(): string {
    return this.#delivered.token;
  }

  get shed(): ShedCounts {
    return { ...this.#shed };
  }

  /** The edge states a start again: partitions that were added meanwhile are taken over, what is known stays. */
  complete(start: string): void {
    const added = this.#received.complete(decodeResumeToken(start).position);
    if (added) this.queue.pushPosition(added);
  }

  /**
   * @returns false when there was not room for all of it; the position then stays before the rest
   * @throws MdsError `MDS_FRAME_CORRUPT`
   */
  onEvents(frame: EventsFrame, receivedMs: number): boolean {
    const batch = batchOf<T>(frame, this.#received, receivedMs);
    if (!batch) {
      this.#received.advance(frame.partition, cursorOf(frame.to));
      this.queue.pushPosition(new Map([[frame.partition, cursorOf(frame.to)]]));
      return true;
    }
    const taken = fitting(batch, this.queue.room);
    if (taken) {
      this.#received.advance(batch.partition, taken.to);
      this.queue.pushBatch(taken);
    }
    return taken === batch;
  }

  /** @returns false when there was no room for it */
  onGap({ partition, from, to, code, message }: GapFrame): boolean {
    if (this.#received.covers(partition, cursorOf(to))) return true;
    if (this.queue.room < 1) return false;
    const known = this.#received.position.get(partition);
    this.#received.advance(partition, cursorOf(to));
    this.queue.pushGap({ partition, from: later(cursorOf(from), known), to: cursorOf(to), code, message });
    return true;
  }

  /** What was left out moves no position: of a conflated range, some events come. */
  onShed({ partition, from, to, count, reason }: ShedFrame): void {
    this.#shed[reason === 'conflated' ? 'conflated' : 'dropped'] += count;
    this.queue.pushShed({ partition, from: cursorOf(from), to: cursorOf(to), count, reason });
  }

  onPosition(token: string): void {
    const { position } = decodeResumeToken(token);
    this.#received.merge(position);
    this.queue.pushPosition(position);
  }
}

/** As much of the batch as there is room for. */
function fitting<T>(batch: EventBatch<T>, room: number): EventBatch<T> | null {
  if (batch.events.length <= room) return batch;
  const events = batch.events.slice(0, room);
  const last = events.at(-1);
  return last ? { ...batch, to: { offset: last.cursor.offset, index: last.cursor.index }, events } : null;
}

const later = (one: Cursor, other: Cursor | undefined): Cursor =>
  other !== undefined && compareCursors(other, one) > 0 ? other : one;
