// One subscription of one client, from `subscribe` to its end.
//
//   joining ──joined everywhere──▶ live                      (start now)
//      └─────joined everywhere──▶ replaying ──▶ live         (start at a resume token)
//   any ──unsubscribe, close, error──▶ ended

import type { Cursor, Position } from '../../schemas/cursor.ts';
import type { MdsError } from '../../schemas/errors.ts';
import type { ErrorFrame, ServerFrame } from '../../schemas/frames.ts';
import { encodeResumeToken } from '../../schemas/resume-token.ts';
import type { Channel } from './channel.ts';
import type { Client } from './client.ts';
import type { BuiltFrame } from './events-frame.ts';
import type { ReplaySession } from './replay-session.ts';

export type SubscriptionState = 'joining' | 'replaying' | 'live' | 'ended';

export interface SubscriptionStart {
  readonly id: string;
  readonly client: Client;
  readonly channel: Channel;
  /** From a resume token; null: start now. */
  readonly resume: Position | null;
  readonly joinDeadlineMs: number;
  /** The edge forgets the subscription. */
  readonly onEnded: (subscription: Subscription) => void;
}

export class Subscription {
  readonly id: string;
  readonly client: Client;
  readonly channel: Channel;
  readonly resume: Position | null;
  readonly joinDeadlineMs: number;
  readonly #onEnded: (subscription: Subscription) => void;
  #state: SubscriptionState = 'joining';
  #session: ReplaySession | null = null;
  #lastToken = '';

  constructor(start: SubscriptionStart) {
    this.id = start.id;
    this.client = start.client;
    this.channel = start.channel;
    this.resume = start.resume;
    this.joinDeadlineMs = start.joinDeadlineMs;
    this.#onEnded = start.onEnded;
    this.channel.subscriptions.add(this);
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  get session(): ReplaySession | null {
    return this.#session;
  }

  /** Live from this very moment: the position in the answer is where the lane is now. */
  startLive(position: Position, partitions: number): void {
    this.#sendSubscribed(position, partitions, false);
    this.#becomeMember();
  }

  /** @param position the token's, completed with the partitions it did not know */
  startReplay(position: ReadonlyMap<number, Cursor>, partitions: number, session: ReplaySession): void {
    this.#state = 'replaying';
    this.#session = session;
    this.channel.catchingUp.add(this);
    this.#sendSubscribed(position, partitions, true);
  }

  finishReplay(): void {
    this.channel.catchingUp.delete(this);
    this.#session = null;
    this.#send({ type: 'live', id: this.id });
    this.#becomeMember();
  }

  hold(frame: BuiltFrame): void {
    this.#session?.hold(frame);
  }

  /** Tells a live subscription how far it has come, unless it knows. */
  sendPosition(token: string): void {
    if (this.#state !== 'live' || token === this.#lastToken) return;
    this.#lastToken = token;
    this.#send({ type: 'position', id: this.id, token });
  }

  /** Ends it with an error the client is told. */
  fail({ code, message, retryable, details }: MdsError): void {
    if (this.#state === 'ended') return;
    const frame: ErrorFrame = { type: 'error', id: this.id, code, message, retryable, details };
    this.end();
    this.#send(frame);
  }

  end(): void {
    if (this.#state === 'ended') return;
    if (this.#state === 'live') this.channel.removeMember(this.client);
    this.#state = 'ended';
    this.channel.catchingUp.delete(this);
    this.channel.subscriptions.delete(this);
    this.#session?.cancel();
    this.#session = null;
    this.#onEnded(this);
  }

  #becomeMember(): void {
    if (this.#state === 'ended') return; // sending may have closed the client
    this.#state = 'live';
    this.channel.addMember(this.client);
  }

  #sendSubscribed(position: Position, partitions: number, replaying: boolean): void {
    const { id: channel, topic, plan } = this.channel;
    const token = encodeResumeToken({ topicId: topic.topicId, position });
    this.#lastToken = token;
    const { id } = this;
    this.#send({
      type: 'subscribed',
      id,
      channel,
      topic: topic.name,
      filter: plan.filter,
      position: token,
      partitions,
      replaying,
    });
  }

  #send(frame: ServerFrame): void {
    this.client.send(JSON.stringify(frame));
  }
}
