// One shard that this edge owns on behalf of one of its consumers: the book of what is in flight, and its way into Redis.
//
//   change ─▶ isDirty ─▶ store (one at a time: state, ledger and trail together, lease renewed) ─▶ onStored
//
// An owner whose lease was not renewed in time gives out nothing until it is renewed; one that was superseded stops.

import type { Cursor } from '../../../schemas/cursor.ts';
import { type DurableDefinition, SHARD_LEASE_MS, SHARD_RENEW_MS, type ShardState } from '../../../schemas/durable.ts';
import type { LostRange } from '../follower.ts';
import type { DurableTelemetry } from './durable-telemetry.ts';
import type { InFlight } from './in-flight.ts';
import { type BookChange, ShardBook } from './shard-book.ts';
import { ShardRecord } from './shard-record.ts';
import type { ShardStore } from './shard-store.ts';

/** How often what changed is stored, at most: a consumer that waits for `acked` waits half of it. */
const STORE_INTERVAL_MS = 50;
/** The lease is taken for over so long before it is: an answer may have been on its way. */
const LEASE_MARGIN_MS = 1000;
const RELEASE_RETRY_MS = 200;

export interface LeadContext {
  readonly definition: () => DurableDefinition;
  readonly store: ShardStore;
  readonly telemetry: DurableTelemetry;
  readonly maxInFlightBytes: number;
  /** A clock that never goes back. */
  readonly now: () => number;
  readonly random: () => number;
  readonly edgeId: string;
  readonly consumer: string;
  /** The text of the field `owner`. */
  readonly owner: string;
  /** Of the consumer's own wish; at most what the definition allows counts. */
  readonly maxInFlight: number;
  onStored(): void;
  /** Somebody else owns the shard. */
  onSuperseded(lead: ShardLead): void;
  onRedriven(lead: ShardLead, entry: InFlight, as: 'acknowledged' | 'deadLettered'): void;
  onStoreFailed(error: unknown): void;
}

export interface LeadStart {
  readonly shard: number;
  readonly epoch: number;
  readonly state: ShardState;
  /** When the shard was asked for, before it was got. */
  readonly askedMs: number;
}

export class ShardLead {
  readonly shard: number;
  readonly #context: LeadContext;
  readonly #record: ShardRecord;
  #book: ShardBook;
  #epoch: number;
  #leaseUntilMs: number;
  #lastStoreMs: number;
  /** Grows with every change that is to be stored. */
  #version = 0;
  #storedVersion = 0;
  #isStoring: Promise<void> | null = null;
  #isSuperseded = false;
  /** No more is given out: the shard is on its way to another consumer. */
  drainUntilMs: number | null = null;

  constructor(context: LeadContext, { shard, epoch, state, askedMs }: LeadStart) {
    this.#context = context;
    this.shard = shard;
    this.#epoch = epoch;
    this.#leaseUntilMs = askedMs + SHARD_LEASE_MS - LEASE_MARGIN_MS;
    this.#lastStoreMs = askedMs;
    const { consumer, edgeId, store } = context;
    this.#record = new ShardRecord(() => ({ shard, epoch: this.#epoch, consumer, edgeId }), store.nowMs());
    this.#book = this.#bookOf(state);
    this.applyDefinition();
  }

  get book(): ShardBook {
    return this.#book;
  }

  get isSuperseded(): boolean {
    return this.#isSuperseded;
  }

  /** The present changes; they are stored when `isStored` says so of it. */
  get version(): number {
    return this.#version;
  }

  isStored(version: number): boolean {
    return this.#storedVersion >= version;
  }

  /** @returns false while nothing may be given out */
  mayDeliver(nowMs: number): boolean {
    return !this.#isSuperseded && this.drainUntilMs === null && nowMs < this.#leaseUntilMs;
  }

  /** Something of the book was changed from outside. */
  touch(): void {
    this.#version += 1;
  }

  /** @returns true when a seek made it begin anew */
  applyDefinition(): boolean {
    const { seek } = this.#context.definition();
    this.#book.limits = this.#limits();
    if (seek.revision <= this.#book.seekRevision) return false;
    const before = this.#book;
    const nowMs = this.#context.store.nowMs();
    const state: ShardState = { seekRevision: seek.revision, floor: seek.position, settled: [], attempts: [] };
    this.#book = this.#bookOf(state);
    for (const [partition, offset, index] of seek.position) {
      const floor = before.floor(partition);
      const to = { offset, index };
      const skipped = before.openUpTo(partition, to);
      this.#record.count('skipped', nowMs, skipped);
      if (this.#isForward(floor, to)) this.#record.addRange('skipped', partition, floor, to, nowMs);
    }
    this.touch();
    return true;
  }

  /** The stream cannot give this range. @returns false when it was met before */
  lose({ partition, from, to }: LostRange): boolean {
    const readTo = this.#book.readTo(partition);
    if (!this.#isForward(readTo, to)) return false;
    const nowMs = this.#context.store.nowMs();
    const after = this.#isForward(readTo, from) ? from : readTo;
    const records = Math.max(1, to.offset - after.offset);
    this.#record.count('expired', nowMs, records);
    this.#record.addRange('expired', partition, after, to, nowMs);
    this.#context.telemetry.onEvents('expired', records);
    this.#book.pass(partition, to);
    this.touch();
    return true;
  }

  tick(nowMs: number): void {
    if (this.#isSuperseded) return;
    if (this.#book.tick(nowMs)) this.touch();
    const sinceMs = nowMs - this.#lastStoreMs;
    const isDue = sinceMs >= (this.isStored(this.#version) ? SHARD_RENEW_MS : STORE_INTERVAL_MS);
    if (isDue && this.#isStoring === null) void this.#store(false);
  }

  /** Stores what there is and gives the shard back; tries for as long as the lease would have lasted. */
  async release(): Promise<void> {
    const untilMs = this.#context.now() + SHARD_LEASE_MS;
    this.drainUntilMs ??= 0;
    await this.#isStoring;
    while (!this.#isSuperseded && this.#context.now() < untilMs) {
      if (await this.#store(true)) break;
      await new Promise((resolve) => setTimeout(resolve, RELEASE_RETRY_MS));
    }
    this.#isSuperseded = true;
  }

  /** It is nobody's to store any more: its subscription is gone. */
  abandon(): void {
    this.#isSuperseded = true;
  }

  /** @returns true when it was stored, or is not this edge's to store */
  async #store(isRelease: boolean): Promise<boolean> {
    const done = Promise.withResolvers<void>();
    this.#isStoring = done.promise;
    try {
      return await this.#storeOnce(isRelease);
    } catch (error) {
      this.#context.onStoreFailed(error);
      return false;
    } finally {
      this.#isStoring = null;
      done.resolve();
    }
  }

  async #storeOnce(isRelease: boolean): Promise<boolean> {
    const { store, owner, telemetry, now } = this.#context;
    const { id } = this.#context.definition();
    const startedMs = now();
    this.#lastStoreMs = startedMs;
    const version = this.#version;
    const record = this.#record.snapshot();
    const state = this.#book.state();
    const { shard } = this;
    const { kind, epoch } = await store.store({ id, shard, owner, epoch: this.#epoch, state, record, isRelease });
    if (kind === 'superseded') {
      this.#isSuperseded = true;
      telemetry.onLeaseLost();
      this.#context.onSuperseded(this);
      return true;
    }
    if (startedMs > this.#leaseUntilMs) telemetry.onLeaseLost();
    this.#leaseUntilMs = startedMs + SHARD_LEASE_MS - LEASE_MARGIN_MS;
    this.#storedVersion = version;
    if (kind === 'anew') {
      this.#epoch = epoch;
      this.#record.onNewEpoch(store.nowMs());
      if (!isRelease) this.touch(); // the counts are still to be stored
    } else {
      this.#record.onStored(record, store.nowMs());
    }
    this.#context.onStored();
    return true;
  }

  #bookOf(state: ShardState): ShardBook {
    return new ShardBook({
      state,
      limits: this.#limits(),
      random: this.#context.random,
      note: (what, entry, reason) => this.#note(what, entry, reason),
      onRedriven: (entry, as) => this.#context.onRedriven(this, entry, as),
    });
  }

  #note(
    what: BookChange,
    { partition, cursor, isRedrive }: Pick<InFlight, 'partition' | 'cursor' | 'isRedrive'>,
    reason: string,
  ): void {
    const nowMs = this.#context.store.nowMs();
    this.#record.add(what, partition, cursor, reason, nowMs);
    if (what === 'sent') this.#record.count('matched', nowMs);
    // A redriven event is in the ledger already: as a dead letter.
    if (what !== 'redriven' && !isRedrive) this.#record.count(what, nowMs);
    this.#context.telemetry.onEvents(what, 1);
  }

  #limits() {
    const { maxInFlight, maxAttempts, ackTimeoutMs, backoffBaseMs, backoffMaxMs } = this.#context.definition();
    return {
      maxInFlight: Math.max(1, Math.min(maxInFlight, this.#context.maxInFlight)),
      maxBytes: this.#context.maxInFlightBytes,
      maxAttempts: Math.max(1, maxAttempts),
      ackTimeoutMs,
      backoffBaseMs,
      backoffMaxMs,
    };
  }

  #isForward(from: Cursor, to: Cursor): boolean {
    return to.offset > from.offset || (to.offset === from.offset && to.index > from.index);
  }
}
