// A subscription with overflow policy `latest` or `drop`, or a `maxRate`: follows its channel and decides for its own client
// what is sent now, what waits and what is left out. It never makes anybody wait: not the channel, not a replay.
//
//   batch ──▶ room and rate? ──yes──▶ events frame, its bytes as they came
//                   └─no──▶ latest: waits by key ─┐       ┌ shed frames, then the events frame of the same range
//                           drop: is counted ─────┴─room──┘

import type { SubscriptionView } from '../../../schemas/connection-control.ts';
import type { Position } from '../../../schemas/cursor.ts';
import type { MdsError } from '../../../schemas/errors.ts';
import type { OverflowPolicy } from '../../../schemas/frames.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import { keyOf } from '../../../schemas/plan/event-key.ts';
import type { PlanFormat } from '../../../schemas/plan/plan.ts';
import type { ClientSubscription, Recipient } from '../client.ts';
import type { ClientOutput } from '../client-output.ts';
import type { EventBatch, FollowedEvent, Follower, LostRange } from '../follower.ts';
import type { Subscription } from '../subscription.ts';
import { TokenBucket } from '../token-bucket.ts';
import { type FollowerWish, SubscriptionVoice, wire } from './subscription-voice.ts';
import {
  type SettledRange,
  type ShedCounts,
  WaitingEvents,
  type WaitingLimits,
  type WaitingMemory,
} from './waiting-events.ts';

export interface OverflowLimits extends WaitingLimits {
  /** Nothing is sent while this much waits in the client's buffer. */
  readonly lowWaterBytes: number;
  /** Event bytes of one frame, about. */
  readonly frameBytes: number;
}

/** What all such subscriptions of an edge share. */
export interface OverflowContext {
  readonly limits: OverflowLimits;
  readonly memory: WaitingMemory;
  readonly now: () => number;
  /** Runs it after that time. @returns what cancels it */
  readonly later: (delayMs: number, run: () => void) => () => void;
  /** Events of a client's subscription were left out. */
  readonly onShed: (client: Recipient, shed: ShedCounts) => void;
}

/** What the client asked for. */
export interface OverflowWish extends FollowerWish {
  readonly overflow: Exclude<OverflowPolicy, 'resume'>;
  readonly key: readonly string[];
  readonly maxRate: number | null;
}

/** A second's tenth at once: twenty wake-ups a second are enough for any rate, and no second has more than 1.1 of them. */
const BURST_SECONDS = 0.1;
const MIN_WAKE_MS = 50;

export class OverflowSubscription implements Follower, ClientSubscription {
  readonly id: string;
  readonly format: PlanFormat;
  /** What does not fit is shed, also of a replay: who wants it all asks for `resume`, who asks for this wants the present. */
  readonly isFull = false;
  readonly #context: OverflowContext;
  readonly #client: Recipient;
  readonly #voice: SubscriptionVoice;
  readonly #wish: OverflowWish;
  readonly #waiting: WaitingEvents;
  readonly #rate: TokenBucket | null;
  #awaitsRoom = false;
  #cancelWake: (() => void) | null = null;

  constructor(context: OverflowContext, client: Recipient, output: ClientOutput, wish: OverflowWish) {
    const { limits, memory, now } = context;
    this.#context = context;
    this.#client = client;
    this.#voice = new SubscriptionVoice({ client, output, wish, now });
    this.#wish = wish;
    this.id = wish.id;
    this.format = client.format;
    this.#waiting = new WaitingEvents(limits, memory);
    const { maxRate } = wish;
    this.#rate = maxRate === null ? null : new TokenBucket(maxRate, Math.max(1, maxRate * BURST_SECONDS), now());
  }

  get isEnded(): boolean {
    return this.#voice.isEnded;
  }

  get wantsRoom(): boolean {
    return this.#awaitsRoom;
  }

  view(): SubscriptionView {
    return this.#voice.view('overflow', this.#waiting.shed);
  }

  /** By which it follows its channel; null until it does. */
  get following(): Subscription | null {
    return this.#voice.following;
  }

  set following(following: Subscription) {
    this.#voice.following = following;
  }

  onStart(position: Position, replaying: boolean): void {
    this.#waiting.start(position);
    this.#voice.sayStart(position, replaying);
  }

  onLive(): void {
    this.#voice.sayLive();
  }

  onEvents(batch: EventBatch): void {
    if (this.isEnded) return;
    const before = { ...this.#waiting.shed };
    if (this.#wish.overflow === 'drop') this.#passOrDrop(batch);
    else this.#passOrKeep(batch);
    if (this.isEnded) return;
    this.#waiting.reach(batch.partition, batch.to);
    this.#advance();
    this.#tellShed(before);
  }

  /** What waits of this partition goes out before, whatever the rate: behind a gap it would look like a step back. */
  onLost(range: LostRange): void {
    const { partition, to } = range;
    this.#sendRange(this.#waiting.takeOf(partition, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY));
    if (this.isEnded) return;
    this.#waiting.skip(partition, to);
    this.#voice.sayLost(range);
  }

  onPosition(position: Position): void {
    for (const [partition, cursor] of position) this.#waiting.reach(partition, cursor);
    if (!this.#hasRoom()) return; // a position that waits behind unread frames helps nobody
    this.#voice.sayPosition(this.#waiting.position());
  }

  onEnd(error: MdsError | null): void {
    if (this.isEnded) return;
    this.#cancelWake?.();
    this.#waiting.clear();
    this.#voice.end(this, error);
  }

  advance(): void {
    if (!this.isEnded) this.#advance();
  }

  end(): void {
    this.following?.end();
  }

  recheck(identity: Identity): void {
    this.#voice.recheck(identity);
  }

  /** Sends what may go now; of the rest, each waits for whatever it lacks. */
  #advance(): void {
    const { limits, now } = this.#context;
    while (this.#waiting.isPending && this.#hasRoom()) {
      const most = this.#rate?.available(now()) ?? Number.POSITIVE_INFINITY;
      const range = most < 1 ? null : this.#waiting.take(limits.frameBytes, most);
      if (!range) break;
      for (let i = 0; i < range.events.length; i++) this.#rate?.take(now());
      this.#sendRange(range);
      if (this.isEnded) return;
    }
    this.#awaitsRoom = false;
    if (!this.#waiting.isPending) return;
    if (this.#hasRoom()) {
      this.#wakeLater();
    } else {
      this.#awaitsRoom = true;
      this.#client.awaitRoom();
    }
  }

  #wakeLater(): void {
    const { later, now } = this.#context;
    const waitMs = Math.max(MIN_WAKE_MS, this.#rate?.waitMs(now()) ?? 0);
    this.#cancelWake ??= later(waitMs, () => {
      this.#cancelWake = null;
      this.advance();
    });
  }

  #passOrDrop(batch: EventBatch): void {
    this.#pass(batch, (event) => this.#waiting.drop(event, batch));
  }

  /** Nothing is parsed as long as all of it can go as it is. */
  #passOrKeep(batch: EventBatch): void {
    const { key } = this.#wish;
    const keep = (event: FollowedEvent): void => {
      this.#waiting.keep(event, keyOf(JSON.parse(event.bytes.toString()), key), batch);
    };
    const { events } = batch;
    const isWithinRate = this.#rate === null || this.#rate.available(this.#context.now()) >= events.length;
    if (isWithinRate) this.#pass(batch, keep);
    else for (const event of events) keep(event);
  }

  /** Sends as many events as there is room and rate for, frame by frame. */
  #pass(batch: EventBatch, leaveOut: (event: FollowedEvent) => void): void {
    const { limits, now } = this.#context;
    const nowMs = now();
    let frame: FollowedEvent[] = [];
    let frameBytes = 0;
    const sendFrame = (): void => {
      const last = frame.at(-1);
      if (!last) return;
      const events = frame;
      frame = [];
      frameBytes = 0;
      this.#sendRange(this.#waiting.pass(events, last === batch.events.at(-1) ? batch.to : last.cursor, batch));
    };
    for (const event of batch.events) {
      if (frameBytes + event.bytes.length > limits.frameBytes) sendFrame();
      if (this.isEnded) return;
      const mayGo = this.#mayPass(frame.length > 0) && (this.#rate?.take(nowMs) ?? true);
      if (mayGo) {
        frame.push(event);
        frameBytes += event.bytes.length;
      } else {
        sendFrame();
        if (this.isEnded) return;
        leaveOut(event);
      }
    }
    sendFrame();
  }

  /** What waits goes first, and a frame that was begun is finished. */
  #mayPass(isFrameBegun: boolean): boolean {
    return isFrameBegun || (this.#waiting.count === 0 && this.#hasRoom());
  }

  #hasRoom(): boolean {
    return !this.#client.isThrottled && this.#client.bufferedBytes < this.#context.limits.lowWaterBytes;
  }

  /** The frame of a range moves the position, so what was left out of the range is told before. */
  #sendRange({ shed, ...range }: SettledRange): void {
    const { partition, from, to, events } = range;
    if (events.length + shed.dropped + shed.conflated === 0) return;
    for (const reason of ['dropped', 'conflated'] as const) {
      const count = shed[reason];
      if (count === 0) continue;
      this.#voice.say({ type: 'shed', id: this.id, partition, from: wire(from), to: wire(to), count, reason });
    }
    this.#voice.give(range);
  }

  #tellShed(before: ShedCounts): void {
    const { dropped, conflated } = this.#waiting.shed;
    const shed = { dropped: dropped - before.dropped, conflated: conflated - before.conflated };
    if (shed.dropped + shed.conflated > 0) this.#context.onShed(this.#client, shed);
  }
}
