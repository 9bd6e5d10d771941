// What one shard has in flight, and what becomes of each event: the heart of "delivered until it is acknowledged or
// dead-lettered". Pure: time and randomness are arguments, the stream and the consumer are whoever calls.
//
//   offer ──▶ ready ──▶ sent ──ack──▶ settled        floor and `taken` follow by themselves
//               ▲        │ nack, no answer in time
//               └ waiting ┴──last attempt──▶ dead ──it stands in the dead-letter topic──▶ settled

import { type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import type { ShardState } from '../../../schemas/durable.ts';
import { type Backoff, waitMs } from './backoff.ts';
import { partitionsOf, redriveAttemptsOf, redriveKey, stateOf } from './book-state.ts';
import { entryOf, type InFlight } from './in-flight.ts';
import { PartitionBook } from './partition-book.ts';
import { BEGINNING, cursorKey, justBefore } from './wire-cursor.ts';

export interface BookLimits extends Backoff {
  /** Events; 1 at least. */
  readonly maxInFlight: number;
  /** Of all events in flight together; one event may be larger. */
  readonly maxBytes: number;
  readonly maxAttempts: number;
  readonly ackTimeoutMs: number;
}

export interface OfferedEvent {
  readonly cursor: Cursor;
  readonly bytes: Buffer;
}

/** Of the envelope in which an event came. */
export interface OfferTimes {
  readonly recordMs: number;
  readonly publishedMs: number;
}

export type BookChange = 'sent' | 'redelivered' | 'acknowledged' | 'negative' | 'deadLettered' | 'redriven';

export interface BookOptions {
  readonly state: ShardState;
  readonly limits: BookLimits;
  readonly random: () => number;
  /** Something happened to an event; called in the order in which it did. */
  readonly note: (
    what: BookChange,
    entry: Pick<InFlight, 'partition' | 'cursor' | 'isRedrive'>,
    reason: string,
  ) => void;
  /** A redriven event was settled. */
  readonly onRedriven: (entry: InFlight, as: 'acknowledged' | 'deadLettered') => void;
}

/** Delays that a consumer asks for; longer ones would only hold memory. */
const MAX_DELAY_MS = 3_600_000;
/** The reason of a dead letter of which no consumer gave one. */
const NO_ANSWER = 'MDS_NOT_ACKNOWLEDGED';

export class ShardBook {
  limits: BookLimits;
  readonly seekRevision: number;
  readonly #options: BookOptions;
  readonly #partitions: Map<number, PartitionBook>;
  readonly #redrives = new Map<string, InFlight>();
  /** Attempts of redrives of earlier owners. */
  readonly #redriveAttempts: Map<string, number>;
  /** First deliveries in cursor order of each partition, and what is delivered again. */
  #ready: InFlight[] = [];
  #inFlightBytes = 0;
  #inFlightCount = 0;
  #deadCount = 0;
  #lastSentNumber = 0;
  /** Nothing is due before. */
  #nextDueMs = Number.POSITIVE_INFINITY;

  constructor(options: BookOptions) {
    this.#options = options;
    this.limits = options.limits;
    this.seekRevision = options.state.seekRevision;
    this.#partitions = partitionsOf(options.state);
    this.#redriveAttempts = redriveAttemptsOf(options.state);
  }

  get inFlightCount(): number {
    return this.#inFlightCount;
  }

  get deadCount(): number {
    return this.#deadCount;
  }

  get isFull(): boolean {
    const { maxInFlight, maxBytes } = this.limits;
    return this.#inFlightCount >= maxInFlight || this.#inFlightBytes >= maxBytes;
  }

  get redriveCount(): number {
    return this.#redrives.size;
  }

  /** @returns how far the shard has met the partition: reading goes on behind it */
  readTo(partition: number): Cursor {
    return this.#partition(partition).readTo;
  }

  floor(partition: number): Cursor {
    return this.#partition(partition).floor;
  }

  /** @returns how many events up to here are not settled */
  openUpTo(partition: number, to: Cursor): number {
    let count = 0;
    for (const [cursor] of this.#partition(partition).unsettled()) if (compareCursors(cursor, to) <= 0) count += 1;
    return count;
  }

  /** True while something is with the consumer. */
  get hasSent(): boolean {
    for (const { state } of this.#all()) if (state === 'sent') return true;
    return false;
  }

  /** True for what is settled or was met: it needs no room. */
  isKnown(partition: number, cursor: Cursor): boolean {
    return this.#partition(partition).meet(cursor).kind === 'known';
  }

  /** The next event of the shard in cursor order. @returns false when there is no room: it must be offered again */
  offer(partition: number, { cursor, bytes }: OfferedEvent, { recordMs, publishedMs }: OfferTimes): boolean {
    const book = this.#partition(partition);
    const meeting = book.meet(cursor);
    if (meeting.kind === 'known') {
      book.pass(cursor);
      return true;
    }
    if (this.isFull) return false;
    const { attempts, before } = meeting;
    const entry = entryOf({ partition, cursor, before, bytes, recordMs, publishedMs, attempts, isRedrive: false });
    book.add(entry);
    this.#take(entry);
    return true;
  }

  /** Nothing more of the shard comes up to here. */
  pass(partition: number, to: Cursor): void {
    this.#partition(partition).pass(to);
  }

  hasRedrive(partition: number, cursor: Cursor): boolean {
    return this.#redrives.has(redriveKey(partition, cursor));
  }

  /** A settled event that is wanted again. */
  offerRedrive(partition: number, { cursor, bytes }: OfferedEvent, { recordMs, publishedMs }: OfferTimes): void {
    const key = redriveKey(partition, cursor);
    if (this.#redrives.has(key)) return;
    const attempts = this.#redriveAttempts.get(key) ?? 0;
    this.#redriveAttempts.delete(key);
    const before = justBefore(cursor);
    const entry = entryOf({ partition, cursor, before, bytes, recordMs, publishedMs, attempts, isRedrive: true });
    this.#redrives.set(key, entry);
    this.#take(entry);
  }

  /** What is to be sent next; null when there is nothing. The caller sends it and says so with `markSent`. */
  nextReady(): InFlight | null {
    while (this.#ready.length > 0) {
      const entry = this.#ready[0];
      if (entry?.state === 'ready') return entry;
      this.#ready.shift();
    }
    return null;
  }

  /** @param entry the one that `nextReady` gave */
  markSent(entry: InFlight, nowMs: number): void {
    this.#ready.shift();
    entry.attempts += 1;
    entry.state = 'sent';
    entry.dueMs = nowMs + this.limits.ackTimeoutMs;
    entry.sentNumber = ++this.#lastSentNumber;
    entry.sentCount += 1;
    entry.isRejected = false;
    this.#nextDueMs = Math.min(this.#nextDueMs, entry.dueMs);
    const what = entry.isRedrive ? 'redriven' : entry.attempts === 1 ? 'sent' : 'redelivered';
    this.#options.note(what, entry, '');
  }

  /** @returns true when that settled something */
  acknowledge(partition: number, cursor: Cursor): boolean {
    const entry = this.#partitions.get(partition)?.entries.get(cursorKey(cursor));
    const redrive = this.#redrives.get(redriveKey(partition, cursor));
    let isChanged = false;
    for (const open of [entry, redrive]) {
      if (!open || open.state === 'dead' || open.attempts === 0) continue;
      this.#acknowledged(open);
      isChanged = true;
    }
    const attempts = entry ? null : (this.#partitions.get(partition)?.settleExpected(cursor) ?? null);
    if (attempts === null) return isChanged;
    this.#options.note('acknowledged', { partition, cursor, isRedrive: false }, '');
    return true;
  }

  /**
   * Everything that this owner had sent when it sent the event at `upTo` for the last time. What was sent again since is
   * not meant: the consumer cannot have answered that yet.
   */
  acknowledgeUpTo(partition: number, upTo: Cursor): boolean {
    const book = this.#partitions.get(partition);
    if (!book) return false;
    const named = book.entries.get(cursorKey(upTo));
    const isMeant = (entry: InFlight): boolean => {
      if (entry.partition !== partition || compareCursors(entry.cursor, upTo) > 0) return false;
      if (entry.sentNumber === 0 || entry.state === 'dead' || entry.isRejected) return false;
      return named && named.sentNumber > 0 ? entry.sentNumber <= named.sentNumber : entry.sentCount === 1;
    };
    let isChanged = false;
    for (const entry of [...book.entries.values(), ...this.#redrives.values()]) {
      if (!isMeant(entry)) continue;
      this.#acknowledged(entry);
      isChanged = true;
    }
    return isChanged;
  }

  /** @param delayMs null: the subscription's backoff */
  reject(partition: number, cursor: Cursor, reason: string, delayMs: number | null, nowMs: number): boolean {
    const entry = this.#partitions.get(partition)?.entries.get(cursorKey(cursor));
    let isChanged = false;
    for (const open of [entry, this.#redrives.get(redriveKey(partition, cursor))]) {
      if (open?.state !== 'sent' && !(open?.state === 'waiting' && !open.isRejected)) continue;
      open.isRejected = true;
      open.reason = reason;
      this.#options.note('negative', open, reason);
      this.#failed(open, delayMs, nowMs);
      isChanged = true;
    }
    return isChanged;
  }

  /** What timed out, or has waited long enough. @returns true when something changed */
  tick(nowMs: number): boolean {
    if (nowMs < this.#nextDueMs) return false;
    this.#nextDueMs = Number.POSITIVE_INFINITY;
    for (const entry of this.#all()) {
      if (entry.state !== 'sent' && entry.state !== 'waiting') continue;
      if (entry.dueMs > nowMs) this.#nextDueMs = Math.min(this.#nextDueMs, entry.dueMs);
      else if (entry.state === 'sent') this.#failed(entry, null, nowMs);
      else this.#makeReady(entry);
    }
    return true;
  }

  /** What belongs into the dead-letter topic and is not known to stand there. */
  *dead(): Generator<InFlight> {
    if (this.#deadCount === 0) return;
    for (const entry of this.#all()) if (entry.state === 'dead') yield entry;
  }

  /** It stands in the dead-letter topic. */
  settleDead(entry: InFlight): void {
    if (entry.state !== 'dead') return;
    this.#deadCount -= 1;
    this.#options.note('deadLettered', entry, entry.reason);
    this.#settle(entry);
  }

  /** All that another owner needs to go on from here. */
  state(): ShardState {
    return stateOf(this.seekRevision, this.#partitions, this.#redrives.values());
  }

  #partition(partition: number): PartitionBook {
    let book = this.#partitions.get(partition);
    if (!book) {
      book = new PartitionBook({ floor: BEGINNING, taken: BEGINNING, expected: [], settled: [] });
      this.#partitions.set(partition, book);
    }
    return book;
  }

  *#all(): Generator<InFlight> {
    for (const book of this.#partitions.values()) yield* book.entries.values();
    yield* this.#redrives.values();
  }

  #take(entry: InFlight): void {
    this.#inFlightCount += 1;
    this.#inFlightBytes += entry.bytes.length;
    if (entry.attempts >= this.limits.maxAttempts) this.#giveUp(entry);
    else this.#ready.push(entry);
  }

  #makeReady(entry: InFlight): void {
    entry.state = 'ready';
    this.#ready.push(entry);
  }

  #failed(entry: InFlight, delayMs: number | null, nowMs: number): void {
    if (entry.attempts >= this.limits.maxAttempts) {
      this.#giveUp(entry);
      return;
    }
    entry.state = 'waiting';
    entry.dueMs =
      nowMs +
      (delayMs === null ? waitMs(this.limits, entry.attempts, this.#options.random) : Math.min(delayMs, MAX_DELAY_MS));
    this.#nextDueMs = Math.min(this.#nextDueMs, entry.dueMs);
  }

  #giveUp(entry: InFlight): void {
    entry.state = 'dead';
    if (entry.reason === '') entry.reason = NO_ANSWER;
    if (entry.isRedrive) {
      // It already stands there.
      this.#options.note('deadLettered', entry, entry.reason);
      this.#options.onRedriven(entry, 'deadLettered');
      this.#settle(entry);
      return;
    }
    this.#deadCount += 1;
  }

  #acknowledged(entry: InFlight): void {
    this.#options.note('acknowledged', entry, '');
    if (entry.isRedrive) this.#options.onRedriven(entry, 'acknowledged');
    this.#settle(entry);
  }

  #settle(entry: InFlight): void {
    entry.state = 'settled';
    this.#inFlightCount -= 1;
    this.#inFlightBytes -= entry.bytes.length;
    if (entry.isRedrive) this.#redrives.delete(redriveKey(entry.partition, entry.cursor));
    else this.#partitions.get(entry.partition)?.entries.delete(cursorKey(entry.cursor));
  }
}
