// One subscription's way from its resume token to live delivery, without a hole or a duplicate at the seam. Pure: frames,
// requests and time come and go through its dependencies.
//
//   received ─────▶ target ─────────────▶ last
//   token … │ replay (asked piece by piece) │ held: the channel's live frames since the round began │ ──▶ live
//
// A round fixes `target` = how far the lane is, and begins to hold what the channel publishes behind it. When the hold
// overflows, or the lane lost something, the hold is dropped and another round follows the present one.

import { beforeRecord, type Cursor, compareCursors, type Position } from '../../schemas/cursor.ts';
import type { EnvelopeReader } from '../../schemas/envelope-reader.ts';
import { MdsError } from '../../schemas/errors.ts';
import { GatheredEvents } from './gathered-events.ts';
import type { ReplayListener } from './replay-client.ts';
import type { ReplayRanges } from './replay-merge.ts';
import type { Piece, ReplayOutput } from './replay-output.ts';

export interface ReplayLimits {
  readonly holdBytes: number;
  /** Requests in a row without any answer. */
  readonly maxTries: number;
  /** A token may be ahead of the lane (another edge was faster); how long to wait for the lane to come there. */
  readonly catchUpTimeoutMs: number;
}

export interface ReplayContext {
  readonly channel: string;
  /** Nothing is given, and nothing asked for, while it is full. */
  readonly output: ReplayOutput;
  readonly limits: ReplayLimits;
  /** True when every partition has joined the channel. */
  isJoined(): boolean;
  /** True when the lane is at or behind every cursor. */
  hasReached(position: Position): boolean;
  /** How far the lane is. */
  lanePosition(): Map<number, Cursor>;
  /** Publishes what was gathered for the channel, so that the lane's position and its live frames agree. */
  flushLive(): void;
  ask(listener: ReplayListener, ranges: ReplayRanges): void;
  release(listener: ReplayListener): void;
  now(): number;
  /** Everything up to the lane's position has been sent; called once, in the tick in which that is so. */
  onLive(): void;
  onFailed(error: MdsError): void;
  onSent(frameCount: number, eventCount: number): void;
}

type Phase = 'waiting' | 'replaying' | 'seam' | 'ended';

export class ReplaySession implements ReplayListener {
  readonly #context: ReplayContext;
  /** Everything up to here is sent, or waits in the outbox. */
  readonly #received: Map<number, Cursor>;
  #target: Position = new Map();
  /** One answer at most: the next is asked for when it is empty. */
  readonly #outbox: Piece[] = [];
  /** Null: nothing is held in this round (any more). */
  #hold: Piece[] | null = null;
  #heldBytes = 0;
  #phase: Phase = 'waiting';
  #waitingSinceMs: number;
  /** Partitions whose last envelope of the present request has not come; empty: nothing is asked. */
  readonly #open = new Set<number>();
  #tries = 0;
  #hasProgressed = false;
  /** A shared answer ended before what this session asked for: no fault of anybody. */
  #isAheadOfAnswer = false;

  /** @param position everything behind it is wanted; must know all partitions of the topic */
  constructor(context: ReplayContext, position: Position) {
    this.#context = context;
    this.#received = new Map(position);
    this.#waitingSinceMs = context.now();
  }

  /** Does what can be done now: sends, asks, goes live. Called whenever something may have changed. */
  advance(): void {
    if (this.#context.output.isPaused) {
      this.#waitingSinceMs = this.#context.now();
      return;
    }
    this.#context.flushLive();
    while (this.#phase !== 'ended') {
      if (!this.#sendOutbox() || this.#isEnded()) return;
      if (this.#phase === 'waiting' && !this.#beginRound()) return;
      if (this.#phase === 'replaying') {
        if (this.#open.size > 0 || this.#askForMore()) return;
        this.#phase = 'seam';
      }
      if (!this.#sendHeld() || this.#isEnded()) return;
      if (this.#hold === null) {
        this.#phase = 'waiting';
        this.#waitingSinceMs = this.#context.now();
        continue;
      }
      this.#end();
      this.#context.onLive();
    }
  }

  /** Live events of the channel. */
  hold(piece: Piece): void {
    if (this.#hold === null) return;
    this.#hold.push(piece);
    this.#heldBytes += piece.byteLength;
    if (this.#heldBytes > this.#context.limits.holdBytes) this.dropHold();
  }

  /** What is held is too much, or no longer complete. */
  dropHold(): void {
    this.#hold = null;
    this.#heldBytes = 0;
  }

  cancel(): void {
    if (this.#phase !== 'ended') this.#end();
  }

  tick(): void {
    if (
      !this.#context.output.isPaused &&
      this.#phase === 'waiting' &&
      this.#context.now() - this.#waitingSinceMs > this.#context.limits.catchUpTimeoutMs
    ) {
      this.#fail('the stream has not come to the position of the token');
      return;
    }
    this.advance();
  }

  onReplayEnvelope(envelope: EnvelopeReader): void {
    const { partition } = envelope;
    const received = this.#received.get(partition);
    const target = this.#target.get(partition);
    if (received === undefined || target === undefined || !this.#open.has(partition)) return;
    if (compareCursors(envelope.from, received) > 0) {
      this.#askAgain();
      return;
    }
    const to = compareCursors(envelope.to, target) < 0 ? envelope.to : target;
    if (compareCursors(to, received) > 0) {
      this.#hasProgressed = true;
      this.#take(envelope, received, to);
    } else if (compareCursors(envelope.to, received) < 0) {
      this.#isAheadOfAnswer = true;
    }
    if (envelope.last || compareCursors(to, target) >= 0) this.#open.delete(partition);
    if (this.#open.size === 0) this.#onAnswered();
  }

  onReplayStalled(): void {
    this.#askAgain();
  }

  #onAnswered(): void {
    // An answer that brought nothing would be asked for again and again, as fast as it comes.
    if (!this.#hasProgressed && !this.#isAheadOfAnswer) {
      this.#askAgain();
      return;
    }
    if (this.#hasProgressed) this.#tries = 0;
    this.#context.release(this);
    this.advance();
  }

  #beginRound(): boolean {
    if (!this.#context.isJoined() || !this.#context.hasReached(this.#received)) return false;
    this.#target = this.#context.lanePosition();
    // A partition that was added to the topic meanwhile: all of it is new.
    for (const partition of this.#target.keys()) {
      if (!this.#received.has(partition)) this.#received.set(partition, beforeRecord(0));
    }
    this.#hold = [];
    this.#heldBytes = 0;
    this.#phase = 'replaying';
    return true;
  }

  /** @returns false when the target is reached */
  #askForMore(): boolean {
    const ranges: ReplayRanges = [];
    for (const [partition, to] of this.#target) {
      const from = this.#received.get(partition);
      if (from === undefined || compareCursors(from, to) >= 0) continue;
      ranges.push({ partition, from: [from.offset, from.index], to: [to.offset, to.index] });
      this.#open.add(partition);
    }
    if (ranges.length === 0) return false;
    this.#hasProgressed = false;
    this.#isAheadOfAnswer = false;
    this.#context.ask(this, ranges);
    return true;
  }

  #askAgain(): void {
    this.#open.clear();
    this.#context.release(this);
    this.#tries += 1;
    if (this.#tries < this.#context.limits.maxTries) this.advance();
    else this.#fail(`no complete answer came to ${this.#tries} requests`);
  }

  #take(envelope: EnvelopeReader, after: Cursor, to: Cursor): void {
    this.#received.set(envelope.partition, to);
    const { channel, output } = this.#context;
    if (envelope.expired) {
      this.#outbox.push(output.expired({ partition: envelope.partition, from: after, to }));
      return;
    }
    const at = envelope.sectionOf(channel);
    if (at < 0) return;
    const events = new GatheredEvents(envelope.partition);
    events.from = after;
    events.to = to;
    events.take(envelope, at, after, to);
    this.#outbox.push(...output.pieces(events));
  }

  /** Giving may have closed the client, and with it this session. */
  #isEnded(): boolean {
    return this.#phase === 'ended';
  }

  /** @returns false when the receiver must take what it has first */
  #sendOutbox(): boolean {
    while (this.#outbox.length > 0) {
      if (this.#isFull()) return false;
      const piece = this.#outbox.shift();
      if (piece) this.#give(piece);
    }
    return true;
  }

  /** @returns false when the receiver must take what it has first */
  #sendHeld(): boolean {
    while (this.#hold !== null && this.#hold.length > 0) {
      if (this.#isFull()) return false;
      const piece = this.#hold.shift();
      if (!piece) continue;
      this.#heldBytes -= piece.byteLength;
      this.#received.set(piece.partition, piece.to);
      this.#give(piece);
    }
    return true;
  }

  #isFull(): boolean {
    return this.#isEnded() || this.#context.output.isFull;
  }

  #give(piece: Piece): void {
    piece.give();
    this.#context.onSent(1, piece.eventCount);
  }

  #fail(reason: string): void {
    this.#end();
    this.#context.onFailed(new MdsError('MDS_REPLAY_FAILED', { reason }));
  }

  #end(): void {
    this.#phase = 'ended';
    this.dropHold();
    this.#outbox.length = 0;
    this.#open.clear();
    this.#context.release(this);
  }
}
