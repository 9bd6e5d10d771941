// A subscription with overflow policy `resume` of a client that takes no shared frames: follows its channel and passes on all
// that comes. A replay waits for the client to have room; live events do not wait, and a client that does not read them is
// closed by its own limit, and resumes.

import type { SubscriptionView } from '../../../schemas/connection-control.ts';
import type { Position } from '../../../schemas/cursor.ts';
import type { MdsError } from '../../../schemas/errors.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import type { PlanFormat } from '../../../schemas/plan/plan.ts';
import type { ClientSubscription, Recipient } from '../client.ts';
import type { ClientOutput } from '../client-output.ts';
import type { EventBatch, Follower, LostRange } from '../follower.ts';
import type { Subscription } from '../subscription.ts';
import { type FollowerWish, SubscriptionVoice } from './subscription-voice.ts';

export interface PassingOptions {
  /** Nothing of a replay is given while this much waits in the client's buffer. */
  readonly lowWaterBytes: number;
  readonly now: () => number;
}

const NOTHING_SHED = { dropped: 0, conflated: 0 } as const;

export class PassingSubscription implements Follower, ClientSubscription {
  readonly id: string;
  readonly format: PlanFormat;
  readonly #lowWaterBytes: number;
  readonly #client: Recipient;
  readonly #voice: SubscriptionVoice;

  constructor({ lowWaterBytes, now }: PassingOptions, client: Recipient, output: ClientOutput, wish: FollowerWish) {
    this.#lowWaterBytes = lowWaterBytes;
    this.#client = client;
    this.#voice = new SubscriptionVoice({ client, output, wish, now });
    this.id = wish.id;
    this.format = client.format;
  }

  get isEnded(): boolean {
    return this.#voice.isEnded;
  }

  get isFull(): boolean {
    return this.#client.bufferedBytes >= this.#lowWaterBytes;
  }

  /** What its tenant cannot be given now is read from Kafka later. */
  get isPaused(): boolean {
    return this.#client.isThrottled;
  }

  get wantsRoom(): boolean {
    return this.following?.wantsRoom ?? false;
  }

  /** By which it follows its channel; null until it does. */
  get following(): Subscription | null {
    return this.#voice.following;
  }

  set following(following: Subscription) {
    this.#voice.following = following;
  }

  view(): SubscriptionView {
    return this.#voice.view('shared', NOTHING_SHED);
  }

  onStart(position: Position, replaying: boolean): void {
    this.#voice.sayStart(position, replaying);
    if (replaying) this.#client.awaitRoom();
  }

  onLive(): void {
    this.#voice.sayLive();
  }

  onEvents(batch: EventBatch): void {
    if (this.isEnded) return;
    this.#voice.give(batch);
    if (this.wantsRoom) this.#client.awaitRoom();
  }

  onLost(range: LostRange): void {
    this.#voice.sayLost(range);
  }

  onPosition(position: Position): void {
    if (this.isFull) return; // a position that waits behind unread events helps nobody
    this.#voice.sayPosition(position);
  }

  onEnd(error: MdsError | null): void {
    if (!this.isEnded) this.#voice.end(this, error);
  }

  advance(): void {
    this.following?.advance();
  }

  end(): void {
    this.following?.end();
  }

  recheck(identity: Identity): void {
    this.#voice.recheck(identity);
  }
}
