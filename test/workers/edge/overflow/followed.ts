// A subscription with an overflow policy between a channel that a test plays and a client whose room the test decides, in
// virtual time.

import type { CatalogTopic } from '../../../../schemas/coordination.ts';
import type { Cursor } from '../../../../schemas/cursor.ts';
import { frameOutput } from '../../../../workers/edge/client-output.ts';
import type { EventBatch } from '../../../../workers/edge/follower.ts';
import {
  type OverflowContext,
  OverflowSubscription,
  type OverflowWish,
} from '../../../../workers/edge/overflow/overflow-subscription.ts';
import { WaitingMemory } from '../../../../workers/edge/overflow/waiting-events.ts';
import { CHANNEL } from '../gathering.ts';
import { type Matching, WatchedClient } from './watched-client.ts';

export const LOW_WATER_BYTES = 2000;
const TOPIC: CatalogTopic = {
  topicId: 1,
  tenant: 'default',
  name: 'events',
  kafkaTopic: 'events',
  deadLetterTopic: 'events.dead',
  partitions: 2,
  schemaId: 1,
  schema: '{}',
};
const PLAN = {
  plan: { v: 1, filter: '', fields: null, format: 'json', inputs: [] },
  channel: CHANNEL,
  cost: 0,
} as const;

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

export class Followed {
  readonly matching: Matching[] = [];
  readonly client = new WatchedClient(this.matching);
  readonly memory = new WaitingMemory(1_000_000);
  readonly subscription: OverflowSubscription;
  /** As the edge was told. */
  readonly shed = { dropped: 0, conflated: 0 };
  nowMs = 1_000_000;
  readonly #timers = new Set<Timer>();
  readonly #ends = new Map<number, Cursor>();

  constructor(wish: Partial<OverflowWish>, limits: Partial<OverflowContext['limits']> = {}) {
    const context: OverflowContext = {
      limits: { bytes: 100_000, events: 1000, lowWaterBytes: LOW_WATER_BYTES, frameBytes: 200, ...limits },
      memory: this.memory,
      now: () => this.nowMs,
      later: (delayMs, run) => {
        const timer = { atMs: this.nowMs + delayMs, run };
        this.#timers.add(timer);
        return () => void this.#timers.delete(timer);
      },
      onShed: (_client, { dropped, conflated }) => {
        this.shed.dropped += dropped;
        this.shed.conflated += conflated;
      },
    };
    const asked = { id: 's', overflow: 'latest', key: ['k'], maxRate: null } as const;
    const defaults = { ...asked, topic: TOPIC, plan: PLAN, filter: '', assertReads: () => {} };
    this.subscription = new OverflowSubscription(context, this.client, frameOutput(this.client), {
      ...defaults,
      ...wish,
    });
  }

  start(): this {
    this.subscription.onStart(new Map([0, 1].map((partition) => [partition, { offset: -1, index: 0 }])), false);
    this.client.bufferedBytes = 0;
    return this;
  }

  /** A batch of the channel: one record with an event of each key, and one behind it that does not match. */
  events(partition: number, ...keys: readonly string[]): EventBatch {
    const from = this.#ends.get(partition) ?? { offset: -1, index: 0 };
    const to = { offset: from.offset + 2, index: 0 };
    const events = keys.map((key, index) => {
      const cursor = { offset: from.offset + 1, index };
      this.matching.push({ partition, cursor, key });
      return { cursor, bytes: Buffer.from(JSON.stringify({ k: key, offset: cursor.offset, index })) };
    });
    this.#ends.set(partition, to);
    const byteLength = events.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const batch = { partition, from, to, recordMs: 1, publishedMs: 2, byteLength, events };
    this.subscription.onEvents(batch);
    return batch;
  }

  /** What the edge tells now and then: the lane is here, and all before was given. */
  tellPosition(): void {
    this.subscription.onPosition(new Map(this.#ends));
  }

  /** The client reads everything, and is asked for more. */
  readAll(): void {
    this.client.read(this.client.bufferedBytes);
    if (this.subscription.wantsRoom) this.subscription.advance();
  }

  fill(): void {
    this.client.bufferedBytes = LOW_WATER_BYTES;
  }

  pass(ms: number): void {
    this.nowMs += ms;
    for (const timer of [...this.#timers]) {
      if (timer.atMs > this.nowMs || !this.#timers.delete(timer)) continue;
      timer.run();
    }
  }

  get waitingTimers(): number {
    return this.#timers.size;
  }

  get sentKeys(): string {
    return this.client.sent.map(({ key }) => key).join(' ');
  }
}
