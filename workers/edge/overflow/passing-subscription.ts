// A subscription with overflow policy `resume` of a client that takes no shared frames: follows its channel and passes on all
// that comes. A replay waits for the client to have room; live events do not wait, and a client that does not read them is
// closed by its own limit, and resumes.

import { CLOSE_CODES } from '../../../schemas/close-codes.ts';
import type { SubscriptionView } from '../../../schemas/connection-control.ts';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import type { Cursor, Position } from '../../../schemas/cursor.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { WireCursor } from '../../../schemas/frames.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import type { PlanFormat } from '../../../schemas/plan/plan.ts';
import { encodeResumeToken } from '../../../schemas/resume-token.ts';
import type { ClientSubscription, Recipient } from '../client.ts';
import type { ClientOutput } from '../client-output.ts';
import type { ChannelPlan } from '../delivery.ts';
import type { EventBatch, Follower, LostRange } from '../follower.ts';
import { smoothed } from '../smoothed-latency.ts';
import type { Subscription } from '../subscription.ts';

export interface PassingWish {
  readonly id: string;
  readonly topic: CatalogTopic;
  readonly plan: ChannelPlan;
  /** As it is told: what it asked for, in canonical form. */
  readonly filter: string;
  /** @throws MdsError when the identity does not read what was planned */
  readonly assertReads: (identity: Identity) => void;
}

export interface PassingOptions {
  /** Nothing of a replay is given while this much waits in the client's buffer. */
  readonly lowWaterBytes: number;
  readonly now: () => number;
}

export class PassingSubscription implements Follower, ClientSubscription {
  readonly id: string;
  readonly format: PlanFormat;
  readonly #options: PassingOptions;
  readonly #client: Recipient;
  readonly #output: ClientOutput;
  readonly #wish: PassingWish;
  #following: Subscription | null = null;
  #isEnded = false;
  #lastToken = '';
  #deliveredEvents = 0;
  #latencyMs: number | null = null;

  constructor(options: PassingOptions, client: Recipient, output: ClientOutput, wish: PassingWish) {
    this.#options = options;
    this.#client = client;
    this.#output = output;
    this.#wish = wish;
    this.id = wish.id;
    this.format = client.format;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get isFull(): boolean {
    return this.#client.bufferedBytes >= this.#options.lowWaterBytes;
  }

  /** What its tenant cannot be given now is read from Kafka later. */
  get isPaused(): boolean {
    return this.#client.isThrottled;
  }

  get wantsRoom(): boolean {
    return this.#following?.wantsRoom ?? false;
  }

  /** By which it follows its channel; null until it does. */
  get following(): Subscription | null {
    return this.#following;
  }

  set following(following: Subscription) {
    this.#following = following;
  }

  view(): SubscriptionView {
    const { topic, plan } = this.#wish;
    return {
      id: this.id,
      kind: 'shared',
      topic: topic.name,
      filter: plan.plan.filter,
      channel: plan.channel,
      state: this.#following?.state ?? 'joining',
      deliveredEvents: this.#deliveredEvents,
      droppedEvents: 0,
      conflatedEvents: 0,
      inFlightEvents: 0,
      latencyMs: this.#latencyMs,
    };
  }

  onStart(position: Position, replaying: boolean): void {
    const { id } = this;
    const { topic, filter } = this.#wish;
    this.#lastToken = this.#tokenOf(position);
    const { name, partitions } = topic;
    const start = { channel: '', topic: name, filter, position: this.#lastToken, partitions, replaying };
    this.#output.say({ type: 'subscribed', id, ...start });
    if (replaying) this.#client.awaitRoom();
  }

  onLive(): void {
    this.#output.say({ type: 'live', id: this.id });
  }

  onEvents({ partition, from, to, recordMs, publishedMs, events }: EventBatch): void {
    if (this.#isEnded) return;
    const { channel } = this.#wish.plan;
    const sentMs = this.#options.now();
    const head = { channel, subscriptionId: this.id, partition, from, to, recordMs, publishedMs, sentMs };
    this.#deliveredEvents += events.length;
    this.#latencyMs = smoothed(this.#latencyMs, recordMs, sentMs);
    this.#output.give({ ...head, events });
    if (this.wantsRoom) this.#client.awaitRoom();
  }

  onLost({ partition, from, to, error: { code, message } }: LostRange): void {
    this.#output.say({ type: 'gap', id: this.id, partition, from: wire(from), to: wire(to), code, message });
  }

  onPosition(position: Position): void {
    if (this.isFull) return; // a position that waits behind unread events helps nobody
    const token = this.#tokenOf(position);
    if (token === this.#lastToken) return;
    this.#lastToken = token;
    this.#output.say({ type: 'position', id: this.id, token });
  }

  onEnd(error: MdsError | null): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#client.onSubscriptionEnded(this);
    if (error === null) return;
    const { code, message, retryable, details } = error;
    if (code === 'MDS_GAP') this.#client.close(CLOSE_CODES.GAP, error);
    else this.#output.say({ type: 'error', id: this.id, code, message, retryable, details });
  }

  advance(): void {
    this.#following?.advance();
  }

  end(): void {
    this.#following?.end();
  }

  recheck(identity: Identity): void {
    try {
      this.#wish.assertReads(identity);
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      this.#following?.fail(error);
    }
  }

  #tokenOf(position: Position): string {
    return encodeResumeToken({ topicId: this.#wish.topic.topicId, position });
  }
}

const wire = ({ offset, index }: Cursor): WireCursor => [offset, index];
