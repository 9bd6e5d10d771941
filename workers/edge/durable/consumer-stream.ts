// Brings a consumer's shards their events: follows the subscription's channel from where the shards stand, and hands out
// each event to its shard. Kafka is the buffer: while a shard is full nothing is taken, and what was not taken is followed
// again later.
//
//   replay (pauses while full) ─┐
//   live (cannot pause) ────────┴▶ backlog, bounded ─▶ shards   backlog too long: the follow ends, and begins anew behind it

import { type Cursor, compareCursors, type Position } from '../../../schemas/cursor.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { EventBatch, Follower, LostRange } from '../follower.ts';
import type { EventShards } from './event-shards.ts';
import type { ShardLead } from './shard-lead.ts';
import { BEGINNING } from './wire-cursor.ts';

/** The part of a subscription of Delivery that is used. */
export interface Followed {
  readonly isEnded: boolean;
  end(): void;
  advance(): void;
}

export interface StreamContext {
  /** The consumer's shards; the stream must be told when one is added. */
  readonly leads: ReadonlyMap<number, ShardLead>;
  readonly maxBacklogBytes: number;
  readonly now: () => number;
  partitions(): number;
  shards(): EventShards;
  /** @throws MdsError when it cannot be begun now */
  follow(follower: Follower, resume: Position): Followed;
  /** True while the consumer has as much in flight as it wants. */
  isFull(): boolean;
  /** Shards have something new. */
  onOffered(): void;
  /** Kafka has lost what some of the shards had not met. */
  onLost(range: LostRange): void;
  /** It cannot ever go on. */
  onFailed(error: MdsError): void;
}

type Piece =
  | { readonly kind: 'events'; readonly batch: EventBatch }
  | { readonly kind: 'lost'; readonly range: LostRange };

const RETRY_MS = 250;

export class ConsumerStream {
  readonly #context: StreamContext;
  readonly #backlog: Piece[] = [];
  #backlogBytes = 0;
  /** Events of the first piece that were handed out. */
  #taken = 0;
  #followed: Followed | null = null;
  /** Which follow is the present one: the calls of earlier ones are not for it. */
  #run = 0;
  #isLive = false;
  #isDraining = false;
  #isStopped = true;
  #retryAtMs = 0;

  constructor(context: StreamContext) {
    this.#context = context;
  }

  /** Reads from where the shards stand, whatever it did before. */
  restart(): void {
    this.#dropAll();
    this.#isStopped = false;
    this.#retryAtMs = 0;
    this.advance();
  }

  /**
   * A shard has come that stands where it was stored. What was read before is not for it: it would take what lies between
   * for events that do not match any more.
   */
  forget(): void {
    this.#dropAll();
    this.#retryAtMs = 0;
  }

  stop(): void {
    this.#isStopped = true;
    this.#dropAll();
  }

  /** There may be room again. */
  advance(): void {
    if (this.#isStopped || this.#context.leads.size === 0) return;
    this.#drain();
    if (this.#isFull()) return;
    if (this.#followed === null) this.#follow();
    else this.#followed.advance();
  }

  #follow(): void {
    const { now, follow, onFailed } = this.#context;
    if (now() < this.#retryAtMs) return;
    this.#retryAtMs = now() + RETRY_MS;
    this.#isLive = false;
    this.#run += 1;
    const run = this.#run;
    try {
      const followed = follow(this.#followerOf(run), this.#position());
      if (run !== this.#run || this.#isStopped) followed.end();
      else if (!followed.isEnded) this.#followed = followed;
    } catch (error) {
      if (error instanceof MdsError && !error.retryable) onFailed(error);
      else if (!(error instanceof MdsError)) throw error;
    }
  }

  #followerOf(run: number): Follower {
    const stream = this;
    const isPresent = (): boolean => run === this.#run && !this.#isStopped;
    return {
      format: 'json',
      get isFull(): boolean {
        return !isPresent() || stream.#isFull();
      },
      onStart: () => {},
      onLive: () => {
        if (isPresent()) this.#isLive = true;
      },
      onEvents: (batch) => {
        if (isPresent()) this.#push({ kind: 'events', batch }, batch.byteLength);
      },
      onLost: (range) => {
        if (isPresent()) this.#push({ kind: 'lost', range }, 0);
      },
      onPosition: (position) => {
        if (isPresent() && this.#backlog.length === 0) this.#pass(position);
      },
      onEnd: (error) => {
        if (!isPresent()) return;
        this.#followed = null;
        this.#retryAtMs = this.#context.now() + RETRY_MS;
        if (error !== null && !error.retryable) this.#context.onFailed(error);
      },
    };
  }

  #push(piece: Piece, byteLength: number): void {
    this.#backlog.push(piece);
    this.#backlogBytes += byteLength;
    this.#drain();
    if (this.#isLive && this.#backlogBytes > this.#context.maxBacklogBytes) this.#unfollow();
  }

  /** Hands out what waits, as far as there is room. */
  #drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    const before = this.#backlog.length;
    while (this.#backlog.length > 0 && this.#takeFirst()) {
      // goes on until something is full
    }
    this.#isDraining = false;
    if (before > 0) this.#context.onOffered();
  }

  /** @returns false when there is no room for all of it */
  #takeFirst(): boolean {
    const [piece] = this.#backlog;
    if (!piece) return false;
    if (piece.kind === 'events') {
      if (!this.#takeEvents(piece.batch)) return false;
      this.#backlogBytes -= piece.batch.byteLength;
    } else {
      this.#context.onLost(piece.range);
    }
    this.#backlog.shift();
    this.#taken = 0;
    return true;
  }

  #takeEvents(batch: EventBatch): boolean {
    const { leads } = this.#context;
    const shards = this.#context.shards().of(batch);
    for (let i = this.#taken; i < batch.events.length; i++) {
      const event = batch.events[i];
      const lead = leads.get(shards[i] ?? 0);
      if (!event || !lead || lead.book.isKnown(batch.partition, event.cursor)) continue;
      if (!this.#context.isFull() && lead.book.offer(batch.partition, event, batch)) continue;
      this.#taken = i;
      return false;
    }
    for (const { book } of leads.values()) book.pass(batch.partition, batch.to);
    return true;
  }

  #pass(position: Position): void {
    for (const [partition, to] of position) {
      for (const { book } of this.#context.leads.values()) book.pass(partition, to);
    }
  }

  #isFull(): boolean {
    if (this.#backlog.length > 0 || this.#context.isFull()) return true;
    for (const { book } of this.#context.leads.values()) if (book.isFull) return true;
    return false;
  }

  /** The least of what the shards have come to: those who are further skip what they know. */
  #position(): Map<number, Cursor> {
    const position = new Map<number, Cursor>();
    for (let partition = 0; partition < this.#context.partitions(); partition++) {
      let least: Cursor | null = null;
      for (const { book } of this.#context.leads.values()) {
        const cursor = book.readTo(partition);
        if (least === null || compareCursors(cursor, least) < 0) least = cursor;
      }
      position.set(partition, least ?? BEGINNING);
    }
    return position;
  }

  #unfollow(): void {
    const followed = this.#followed;
    this.#followed = null;
    this.#run += 1;
    followed?.end();
  }

  #dropAll(): void {
    this.#unfollow();
    this.#backlog.length = 0;
    this.#backlogBytes = 0;
    this.#taken = 0;
  }
}
