// Delivers single settled events again, because an operator wants it: reads each from Kafka, gives it to the shard's book,
// and writes down what became of it. A redrive that was answered is not looked at again.

import { type Cursor, compareCursors, sameCursor } from '../../../schemas/cursor.ts';
import { cursorField, type RedriveState } from '../../../schemas/durable.ts';
import type { EnvelopeReader } from '../../../schemas/envelope-reader.ts';
import type { ChannelPlan } from '../delivery.ts';
import { batchOf, type EventBatch } from '../follower.ts';
import { GatheredEvents } from '../gathered-events.ts';
import type { ReplayClient, ReplayListener } from '../replay-client.ts';
import type { InFlight } from './in-flight.ts';
import type { ShardLead } from './shard-lead.ts';
import type { ShardStore } from './shard-store.ts';
import { justBefore } from './wire-cursor.ts';

export interface RedriveContext {
  readonly store: ShardStore;
  readonly replays: Pick<ReplayClient, 'ask' | 'release'>;
  readonly subscriptionId: string;
  readonly topicId: number;
  plan(): ChannelPlan;
  /** The book has something new. */
  onOffered(): void;
}

const LOOK_MS = 1000;
/** Redriven events in flight at a time; the others wait in Redis. */
const AT_ONCE = 20;
/** Why a redrive ends at once. */
const GONE = 'MDS_REPLAY_EXPIRED';

export class Redrives {
  readonly #lead: ShardLead;
  readonly #context: RedriveContext;
  /** What was found wanted and is not finished in Redis. */
  readonly #wanted = new Map<string, RedriveState>();
  readonly #finished = new Map<string, RedriveState>();
  #fetching: OneEvent | null = null;
  #lastLookMs = 0;
  #isBusy = false;

  constructor(lead: ShardLead, context: RedriveContext) {
    this.#lead = lead;
    this.#context = context;
  }

  /** There may be something to do before it is time. */
  wake(): void {
    this.#lastLookMs = 0;
  }

  stop(): void {
    this.#fetching?.stop();
  }

  /** Rejects when Redis is away. */
  async tick(nowMs: number): Promise<void> {
    if (this.#isBusy || (this.#finished.size === 0 && nowMs - this.#lastLookMs < LOOK_MS)) return;
    this.#isBusy = true;
    try {
      await this.#writeFinished();
      if (nowMs - this.#lastLookMs >= LOOK_MS) {
        this.#lastLookMs = nowMs;
        await this.#look();
      }
    } finally {
      this.#isBusy = false;
    }
    this.#fetchNext();
  }

  /** A redriven event of the book was settled. */
  onSettled({ partition, cursor, attempts, reason }: InFlight, as: 'acknowledged' | 'deadLettered'): void {
    const field = cursorField(partition, cursor.offset, cursor.index);
    this.#finish(field, as === 'acknowledged' ? { state: as } : { state: as, attempts, reason });
  }

  async #look(): Promise<void> {
    const found = await this.#context.store.redrives(this.#context.subscriptionId, this.#lead.shard);
    this.#wanted.clear();
    for (const [field, state] of found) {
      if (state.state === 'wanted' && !this.#finished.has(field)) this.#wanted.set(field, state);
    }
  }

  async #writeFinished(): Promise<void> {
    for (const [field, state] of this.#finished) {
      await this.#context.store.finishRedrive(this.#context.subscriptionId, this.#lead.shard, [field, state]);
      this.#finished.delete(field);
    }
  }

  #fetchNext(): void {
    if (this.#fetching !== null || this.#lead.book.redriveCount >= AT_ONCE || this.#lead.isSuperseded) return;
    for (const field of this.#wanted.keys()) {
      const [partition = 0, offset = 0, index = 0] = field.split('/').map(Number);
      const cursor = { offset, index };
      if (this.#lead.book.hasRedrive(partition, cursor)) continue;
      const { replays, topicId } = this.#context;
      this.#fetching = new OneEvent(replays, topicId, this.#context.plan(), partition, cursor, (found) => {
        this.#fetching = null;
        if (found === 'stalled') return; // it is still wanted
        if (found === null) this.#finish(field, { state: 'deadLettered', attempts: 0, reason: GONE });
        else this.#offer(found);
      });
      return;
    }
  }

  #offer(batch: EventBatch): void {
    const [event] = batch.events;
    if (!event || this.#lead.isSuperseded) return;
    this.#lead.book.offerRedrive(batch.partition, event, batch);
    this.#lead.touch();
    this.#context.onOffered();
    this.#fetchNext();
  }

  #finish(field: string, how: Omit<RedriveState, 'deadLetterId'>): void {
    const wanted = this.#wanted.get(field);
    this.#wanted.delete(field);
    if (wanted) this.#finished.set(field, { deadLetterId: wanted.deadLetterId, ...how });
  }
}

/** Reads one event from Kafka once more. */
class OneEvent implements ReplayListener {
  readonly #replays: RedriveContext['replays'];
  readonly #partition: number;
  readonly #cursor: Cursor;
  readonly #channel: string;
  readonly #done: (found: EventBatch | null | 'stalled') => void;

  /** @param done called once: null when Kafka does not have it, or it does not match any more */
  constructor(
    replays: RedriveContext['replays'],
    topicId: number,
    { channel, plan }: ChannelPlan,
    partition: number,
    cursor: Cursor,
    done: (found: EventBatch | null | 'stalled') => void,
  ) {
    this.#replays = replays;
    this.#partition = partition;
    this.#cursor = cursor;
    this.#channel = channel;
    this.#done = done;
    const { offset, index } = cursor;
    const before = justBefore(cursor);
    replays.ask(this, {
      topicId,
      channel: { channel, plan },
      ranges: [{ partition, from: [before.offset, before.index], to: [offset, index] }],
    });
  }

  stop(): void {
    this.#replays.release(this);
  }

  /** The answer may be shared with others, who wanted more than this one event. */
  onReplayEnvelope(envelope: EnvelopeReader): void {
    if (envelope.partition !== this.#partition) return;
    const isBefore = compareCursors(envelope.to, this.#cursor) < 0;
    if (isBefore && !envelope.last) return;
    // It ended before the event, or what holds the event was lost on the way: that is no answer.
    const isAnswer = !isBefore && compareCursors(envelope.from, this.#cursor) < 0;
    this.stop();
    this.#done(isAnswer ? this.#eventIn(envelope) : 'stalled');
  }

  onReplayStalled(): void {
    this.#done('stalled');
  }

  #eventIn(envelope: EnvelopeReader): EventBatch | null {
    const at = envelope.expired ? -1 : envelope.sectionOf(this.#channel);
    if (at < 0) return null;
    const events = new GatheredEvents(this.#partition);
    events.from = justBefore(this.#cursor);
    events.to = this.#cursor;
    events.take(envelope, at, events.from, events.to);
    const batch = batchOf(events);
    return batch.events.some(({ cursor }) => sameCursor(cursor, this.#cursor)) ? batch : null;
  }
}
