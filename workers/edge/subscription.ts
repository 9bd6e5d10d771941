// One subscription of one client or follower, from `subscribe` to its end.
//
//   joining ──joined everywhere──▶ live                      (start now)
//      └─────joined everywhere──▶ replaying ──▶ live         (start at a resume token)
//   live ──its channel was not matched for a while──▶ replaying ──▶ live
//   any ──unsubscribe, close, error──▶ ended

import type { SubscriptionView } from '../../schemas/connection-control.ts';
import { type Cursor, compareCursors, type Position } from '../../schemas/cursor.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { ErrorFrame, ServerFrame } from '../../schemas/frames.ts';
import type { Identity } from '../../schemas/identity/identity.ts';
import { encodeResumeToken } from '../../schemas/resume-token.ts';
import type { Channel } from './channel.ts';
import type { Client } from './client.ts';
import type { BuiltFrame } from './events-frame.ts';
import type { EventBatch, Follower } from './follower.ts';
import { type BatchOutput, type ExpiredRange, type FrameOutput, gapFrame } from './replay-output.ts';
import type { ReplaySession } from './replay-session.ts';

export type SubscriptionState = 'joining' | 'replaying' | 'live' | 'ended';

/** Who gets the events: a client, as a member of the channel, or a follower, batch by batch. */
export type Audience =
  | {
      readonly kind: 'client';
      readonly id: string;
      readonly client: Client;
      /** As it is told: what it asked for, in canonical form. */
      readonly filter: string;
    }
  | { readonly kind: 'follower'; readonly follower: Follower };

export interface SubscriptionStart {
  readonly audience: Audience;
  readonly channel: Channel;
  /** From a resume token; null: start now. */
  readonly resume: Position | null;
  readonly joinDeadlineMs: number;
  /** The edge forgets the subscription. */
  readonly onEnded: (subscription: Subscription) => void;
  /** @throws MdsError when the identity, asking for this filter, does not read what the channel has */
  readonly assertReads: (identity: Identity, filter: string) => void;
}

/** Where a replay of the subscription goes. */
export type OutputOf =
  | { readonly kind: 'client'; readonly output: FrameOutput }
  | { readonly kind: 'follower'; readonly output: BatchOutput };

export class Subscription {
  readonly audience: Audience;
  readonly channel: Channel;
  readonly resume: Position | null;
  readonly joinDeadlineMs: number;
  readonly #assertReads: SubscriptionStart['assertReads'];
  readonly #onEnded: (subscription: Subscription) => void;
  #state: SubscriptionState = 'joining';
  #session: ReplaySession | null = null;
  #output: OutputOf | null = null;
  #lastToken = '';
  #failure: MdsError | null = null;
  /** Given to it in replays, and live before the present time of being live. */
  #deliveredEvents = 0;
  /** What its channel had published when it became a member. */
  #memberSinceEvents = 0;
  /** Everything up to here was given, as its client or follower knows. */
  #told: Position = new Map();

  constructor(start: SubscriptionStart) {
    this.audience = start.audience;
    this.channel = start.channel;
    this.resume = start.resume;
    this.joinDeadlineMs = start.joinDeadlineMs;
    this.#assertReads = start.assertReads;
    this.#onEnded = start.onEnded;
    this.channel.subscriptions.add(this);
  }

  /** As its client named it; empty for a follower. */
  get id(): string {
    return this.audience.kind === 'client' ? this.audience.id : '';
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  get isEnded(): boolean {
    return this.#state === 'ended';
  }

  /** Why it ended, unless somebody wanted that. */
  get failure(): MdsError | null {
    return this.#failure;
  }

  get session(): ReplaySession | null {
    return this.#session;
  }

  /** True while it may go on as soon as its client or follower has room. */
  get wantsRoom(): boolean {
    return this.#session !== null;
  }

  view(): SubscriptionView {
    const { id: channel, topic, plan, latencyMs } = this.channel;
    const { filter } = plan;
    const live = this.#state === 'live' ? this.channel.publishedEvents - this.#memberSinceEvents : 0;
    const deliveredEvents = this.#deliveredEvents + live;
    const none = { droppedEvents: 0, conflatedEvents: 0, inFlightEvents: 0 };
    const { id, state } = this;
    return { id, kind: 'shared', topic: topic.name, filter, channel, state, deliveredEvents, latencyMs, ...none };
  }

  /** Events of a replay went to it. */
  onReplayed(eventCount: number): void {
    this.#deliveredEvents += eventCount;
  }

  /** There is room: a replay goes on. */
  advance(): void {
    this.#session?.advance();
  }

  recheck(identity: Identity): void {
    if (this.audience.kind !== 'client') return; // its follower knows who it is
    try {
      this.#assertReads(identity, this.audience.filter);
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      this.fail(error);
    }
  }

  /** Live from this very moment: the position is where the lane is now. */
  startLive(position: Position, partitions: number): void {
    this.#tellStart(position, partitions, false);
    this.#becomeMember();
  }

  /**
   * From the token on, or, when it was live, from where its channel was not matched any more.
   *
   * @param position everything behind it comes; knows all partitions of the topic
   */
  startReplay(
    position: ReadonlyMap<number, Cursor>,
    partitions: number,
    session: ReplaySession,
    output: OutputOf,
  ): void {
    const wasLive = this.#state === 'live';
    if (wasLive) this.#endMembership();
    this.#state = 'replaying';
    this.#session = session;
    this.#output = output;
    this.channel.catchingUp.add(this);
    // A client that has other subscriptions on the channel must know that its shared frames are not for this one now.
    if (!wasLive || this.audience.kind === 'client') this.#tellStart(position, partitions, true);
  }

  /** @param position how far the lane is: the replay has come there */
  finishReplay(position: Position): void {
    this.channel.catchingUp.delete(this);
    this.#session = null;
    this.#output = null;
    this.#told = position;
    if (this.audience.kind === 'client') this.#send({ type: 'live', id: this.audience.id });
    else this.audience.follower.onLive();
    this.#becomeMember();
  }

  /**
   * How far a live subscription is known to be complete on a partition where its channel may not have been matched lately:
   * as far as its client or follower was told, by a frame or a position.
   */
  toldTo(partition: number): Cursor | undefined {
    const told = this.#told.get(partition);
    const published = this.channel.publishedTo(partition);
    if (told === undefined || published === undefined) return told ?? published;
    return compareCursors(told, published) > 0 ? told : published;
  }

  /** A range that the channel will never get. */
  tellLost(range: ExpiredRange): void {
    if (this.#state === 'replaying' && this.#output) this.#session?.hold(this.#output.output.expired(range));
    if (this.#state !== 'live') return;
    const { audience } = this;
    if (audience.kind === 'client') this.#send(gapFrame(audience.id, range));
    else audience.follower.onLost({ ...range, error: new MdsError('MDS_REPLAY_EXPIRED') });
  }

  /** A live frame for the seam of a replay to a client. */
  holdFrame(frame: BuiltFrame): void {
    if (this.#output?.kind === 'client') this.#session?.hold(this.#output.output.heldPieceOf(frame));
  }

  /** Live events for the seam of a replay to a follower. */
  holdBatch(batch: EventBatch): void {
    if (this.#output?.kind === 'follower') this.#session?.hold(this.#output.output.pieceOf(batch));
  }

  /** Tells a live subscription how far it has come, unless it knows. */
  sendPosition(token: string, position: Position): void {
    if (this.#state !== 'live' || token === this.#lastToken) return;
    this.#lastToken = token;
    this.#told = position;
    if (this.audience.kind === 'client') this.#send({ type: 'position', id: this.audience.id, token });
    else this.audience.follower.onPosition(position);
  }

  /** Ends it with an error that its client or follower is told. */
  fail(error: MdsError): void {
    if (this.#state === 'ended') return;
    const { audience } = this;
    this.#failure = error;
    this.#finish();
    if (audience.kind === 'follower') {
      audience.follower.onEnd(error);
      return;
    }
    const { code, message, retryable, details } = error;
    const frame: ErrorFrame = { type: 'error', id: audience.id, code, message, retryable, details };
    this.#send(frame);
  }

  /** Ends it at the wish of its client or follower. */
  end(): void {
    if (this.#state === 'ended') return;
    this.#finish();
    if (this.audience.kind === 'follower') this.audience.follower.onEnd(null);
  }

  #finish(): void {
    if (this.#state === 'live') this.#endMembership();
    this.#state = 'ended';
    this.channel.catchingUp.delete(this);
    this.channel.subscriptions.delete(this);
    this.#session?.cancel();
    this.#session = null;
    this.#output = null;
    this.#onEnded(this);
  }

  #becomeMember(): void {
    if (this.isEnded) return; // telling may have closed the client
    this.#state = 'live';
    this.#memberSinceEvents = this.channel.publishedEvents;
    this.channel.addMember(this.audience);
  }

  #endMembership(): void {
    this.#deliveredEvents += this.channel.publishedEvents - this.#memberSinceEvents;
    this.channel.removeMember(this.audience);
  }

  #tellStart(position: Position, partitions: number, replaying: boolean): void {
    const { id: channel, topic } = this.channel;
    const token = encodeResumeToken({ topicId: topic.topicId, position });
    this.#lastToken = token;
    this.#told = position;
    if (this.audience.kind === 'follower') {
      this.audience.follower.onStart(position, replaying);
      return;
    }
    const { id, filter } = this.audience;
    this.#send({
      type: 'subscribed',
      id,
      channel,
      topic: topic.name,
      filter,
      position: token,
      partitions,
      replaying,
    });
  }

  #send(frame: ServerFrame): void {
    if (this.audience.kind === 'client') this.audience.client.send(JSON.stringify(frame));
  }
}
