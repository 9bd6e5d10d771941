// A subscription's side towards the edge: asks for it on each new connection, takes its frames in, and stops when there is
// no room. What the user sees of it is subscription.ts.
//
//   waiting ─▶ subscribing ─▶ (replaying ─▶) live ─▶ ended
//      ▲            └────────────┬────────────┘
//      └─ connection lost ───────┴─▶ paused (buffer full) ─▶ waiting, when half of it was read

import { MdsError } from '../../schemas/errors.ts';
import type { ErrorFrame, EventsFrame, ShedFrame, SubscribedFrame } from '../../schemas/frames.ts';
import { mdsErrorOf } from './error-frame.ts';
import type { RoutedFrame } from './frame-router.ts';
import { Reception } from './reception.ts';
import type { HostedSubscription, SubscriptionHost } from './subscription-host.ts';
import {
  checkedBuffer,
  type SubscribeOptions,
  type SubscriptionState,
  subscribeMessage,
} from './subscription-options.ts';
import { WirePlace } from './wire-place.ts';

/** A paused subscription resumes when this share of its buffer is filled: at 1 it would pause again at once. */
const RESUME_SHARE = 0.5;

/** Whom the link tells. */
interface LinkUser {
  onStart(frame: SubscribedFrame): void;
  /** Something can be handed out, or the end has come. */
  onChange(): void;
  onEnd(error: MdsError | null): void;
  /** Whether the user is told of shed ranges one by one. */
  readonly wantsShed: boolean;
}

export class SubscriptionLink<T> implements HostedSubscription {
  readonly #host: SubscriptionHost;
  readonly #options: SubscribeOptions<T>;
  readonly #user: LinkUser;
  readonly #wire: WirePlace;
  readonly #bufferEvents: number;
  #state: SubscriptionState = 'waiting';
  #reception: Reception<T> | null = null;
  /** Where to begin. */
  #resume: string | undefined;
  /** False while a store still loads it. */
  #knowsResume: boolean;
  /** While frames come for this subscription alone, those of its channel are not for it, until `live` says so. */
  #isApart = false;
  #hasToldShed = false;
  #endError: MdsError | null = null;

  /** @throws MdsError `MDS_TOKEN_CORRUPT` or `MDS_REQUEST_INVALID` */
  constructor(host: SubscriptionHost, name: string, options: SubscribeOptions<T>, user: LinkUser) {
    this.#bufferEvents = checkedBuffer(options);
    this.#host = host;
    this.#options = options;
    this.#user = user;
    this.#wire = new WirePlace(host, this, name);
    this.#resume = options.resume;
    this.#knowsResume = options.store === undefined;
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  /** Null until the start is known. */
  get reception(): Reception<T> | null {
    return this.#reception;
  }

  /** Null while it has not ended. */
  get end(): { readonly error: MdsError | null } | null {
    return this.#state === 'ended' ? { error: this.#endError } : null;
  }

  /** Of what was handed out; the one to begin at while nothing was. */
  get token(): string | null {
    return this.#reception?.token ?? this.#resume ?? null;
  }

  /** A store has said where to begin; undefined: now. */
  beginAt(resume: string | undefined): void {
    this.#resume = resume;
    this.#knowsResume = true;
    this.attach();
  }

  attach(): void {
    if (this.#state !== 'waiting' || !this.#wire.isConnected || !this.#knowsResume) return;
    const id = this.#wire.take();
    this.#isApart = false;
    this.#setState('subscribing', null);
    this.#wire.send(subscribeMessage(id, this.#options, this.#reception?.resumeToken ?? this.#resume));
  }

  detach(error: MdsError): void {
    this.#wire.lose();
    if (this.#state !== 'paused' && this.#state !== 'ended') this.#setState('waiting', error);
  }

  fail(error: MdsError | null): void {
    if (this.#state === 'ended') return;
    this.#wire.leave();
    this.#endError = error;
    if (!error) this.#reception?.queue.clear();
    this.#setState('ended', error);
    this.#host.ended(this);
    this.#user.onEnd(error);
  }

  /** Something may have been handed out: a paused subscription goes on when there is room. */
  onTaken(): void {
    const held = this.#reception?.queue.size ?? 0;
    if (this.#state !== 'paused' || held > this.#bufferEvents * RESUME_SHARE) return;
    this.#setState('waiting', null);
    this.attach();
  }

  onFrame(frame: RoutedFrame, receivedMs: number): void {
    switch (frame.type) {
      case 'subscribed':
        this.#onSubscribed(frame);
        break;
      case 'events':
        this.#onEvents(frame, receivedMs);
        break;
      case 'live':
        this.#isApart = false;
        if (this.#state === 'replaying') this.#setState('live', null);
        break;
      case 'position':
        if (this.#isReceiving) this.#reception?.onPosition(frame.token);
        break;
      case 'gap':
        if (this.#reception?.onGap(frame) === false) this.#pause();
        this.#user.onChange();
        break;
      case 'shed':
        this.#onShed(frame);
        break;
      case 'error':
        this.#onError(frame);
        break;
    }
  }

  get #isReceiving(): boolean {
    return this.#state === 'live' || this.#state === 'replaying';
  }

  /** Comes again, on the same connection, when the edge has to catch up for this subscription. */
  #onSubscribed(frame: SubscribedFrame): void {
    if (this.#state !== 'subscribing' && !this.#isReceiving) return;
    this.#hasToldShed = false;
    if (this.#reception) this.#reception.complete(frame.position);
    else this.#reception = new Reception(frame.position, this.#bufferEvents);
    this.#isApart = false;
    this.#wire.confirm(frame.channel);
    this.#setState(frame.replaying ? 'replaying' : 'live', null);
    this.#user.onStart(frame);
  }

  #onEvents(frame: EventsFrame, receivedMs: number): void {
    if (!this.#reception || !this.#isReceiving) return;
    if (frame.sub !== undefined) this.#isApart = true;
    else if (this.#state !== 'live' || this.#isApart) return;
    const hadRoom = this.#reception.onEvents(frame, receivedMs);
    this.#user.onChange();
    if (!hadRoom) this.#pause();
  }

  #onShed(frame: ShedFrame): void {
    if (!this.#reception || !this.#isReceiving) return;
    this.#reception.onShed(frame);
    this.#user.onChange();
    if (this.#user.wantsShed || this.#hasToldShed) return;
    this.#hasToldShed = true;
    this.#setState(this.#state, new MdsError('MDS_EVENTS_SHED', { count: frame.count, reason: frame.reason }));
  }

  #onError(frame: ErrorFrame): void {
    const error = mdsErrorOf(frame.code, frame.message, frame.details);
    if (!frame.retryable) {
      this.fail(error);
      return;
    }
    this.#setState('waiting', error);
    this.#wire.retryLater();
  }

  /** The buffer is full. A page cannot slow a WebSocket down, so the edge is told to stop sending. */
  #pause(): void {
    const error = new MdsError('MDS_CLIENT_BUFFER_FULL', { limit: this.#bufferEvents });
    if (this.#options.onBufferFull === 'error') {
      this.fail(error);
      return;
    }
    this.#wire.leave();
    this.#setState('paused', error);
  }

  #setState(state: SubscriptionState, error: MdsError | null): void {
    this.#state = state;
    this.#options.onState?.(state, error);
  }
}
