// A follower that keeps a list: takes batches, may be full for a while, and follows again from where it was when it is ended.

import type { CatalogTopic } from '../../../schemas/coordination.ts';
import { type Cursor, compareCursors, type Position } from '../../../schemas/cursor.ts';
import type { MdsError } from '../../../schemas/errors.ts';
import type { ChannelPlan, Delivery } from '../../../workers/edge/delivery.ts';
import type { EventBatch, Follower, LostRange } from '../../../workers/edge/follower.ts';
import type { Subscription } from '../../../workers/edge/subscription.ts';

export class SimulatedFollower implements Follower {
  readonly format = 'json';
  readonly filter: string;
  isFull = false;
  isPaused = false;
  /** Where the first subscription began; null until it was answered. */
  start: Map<number, Cursor> | null = null;
  readonly received = new Map<number, number[]>();
  readonly lost: LostRange[] = [];
  /** Anything a correct edge never does. */
  readonly complaints: string[] = [];
  gapCloses = 0;
  readonly #delivery: Delivery;
  readonly #topic: CatalogTopic;
  readonly #plan: ChannelPlan;
  #position = new Map<number, Cursor>();
  #subscription: Subscription | null = null;

  constructor(delivery: Delivery, topic: CatalogTopic, plan: ChannelPlan, filter: string) {
    this.#delivery = delivery;
    this.#topic = topic;
    this.#plan = plan;
    this.filter = filter;
  }

  get isLive(): boolean {
    return this.#subscription?.state === 'live';
  }

  connect(): void {
    if (this.#subscription !== null && !this.#subscription.isEnded) return;
    const resume = this.start === null ? null : new Map(this.#position);
    this.#subscription = this.#delivery.follow(this, this.#topic, this.#plan, resume);
  }

  disconnect(): void {
    this.#subscription?.end();
  }

  setSlow(isSlow: boolean): void {
    this.isFull = isSlow;
    if (!isSlow) this.#subscription?.advance();
  }

  setThrottled(isThrottled: boolean): void {
    this.isPaused = isThrottled;
  }

  onStart(position: Position): void {
    for (const [partition, cursor] of this.#position) {
      const told = position.get(partition);
      if (!told || compareCursors(told, cursor) !== 0) this.complaints.push(`position of ${partition} not kept`);
    }
    this.#position = new Map(position);
    this.start ??= new Map(position);
  }

  onLive(): void {}

  onEvents({ partition, from, to, events }: EventBatch): void {
    const numbers = this.received.get(partition) ?? [];
    this.received.set(partition, numbers);
    const before = this.#position.get(partition);
    if (before && compareCursors(from, before) < 0) this.complaints.push('a batch overlaps');
    for (const { cursor, bytes } of events) {
      if (before && compareCursors(cursor, before) <= 0) this.complaints.push(`event ${bytes} came twice`);
      numbers.push(Number(bytes));
    }
    this.#position.set(partition, to);
  }

  onLost(range: LostRange): void {
    const before = this.#position.get(range.partition);
    if (before && compareCursors(range.from, before) < 0) this.complaints.push('a gap of what was received');
    this.lost.push(range);
    this.#position.set(range.partition, range.to);
  }

  onPosition(position: Position): void {
    for (const [partition, cursor] of position) {
      const known = this.#position.get(partition);
      if (known && compareCursors(cursor, known) < 0) this.complaints.push('position went back');
      this.#position.set(partition, cursor);
    }
  }

  onEnd(error: MdsError | null): void {
    if (error?.code === 'MDS_GAP') this.gapCloses += 1;
    if (error !== null && !error.retryable) this.complaints.push(error.message);
  }
}
