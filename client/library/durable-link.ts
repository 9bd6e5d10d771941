// A consumer's side towards the edge: takes part in the durable subscription on each new connection, takes deliveries in,
// and brings what the user says about them back. What the user sees of it is durable-subscription.ts.
//
//   connecting ─▶ standby ⇄ active ⇄ paused ─▶ ended
//        ▲──────────┴─────────┴─────────┘ connection lost: what is held stays, what was said is said again

import { MdsError } from '../../schemas/errors.ts';
import type { ConsumingFrame, ErrorFrame, EventsFrame, GapFrame } from '../../schemas/frames.ts';
import type { NackOptions } from './acknowledgements.ts';
import { Answering } from './answering.ts';
import { DeliveryBook } from './delivery-book.ts';
import type { ConsumeOptions, Delivery, DurableState } from './durable-options.ts';
import { mdsErrorOf } from './error-frame.ts';
import type { EventCursor, FrameTimes } from './events.ts';
import { cursorOf, timesOf } from './frame-events.ts';
import type { RoutedFrame } from './frame-router.ts';
import { HeldDeliveries } from './held-deliveries.ts';
import type { HostedSubscription, SubscriptionHost } from './subscription-host.ts';
import { WirePlace } from './wire-place.ts';

/**
 * `upTo` means what was delivered before the event it names. An event that is being delivered again could mean later
 * ones, so only those take part whose time is far from over.
 */
const CUMULATIVE_SHARE = 0.5;
/** When neither the caller nor the edge has said. */
const DEFAULT_MAX_IN_FLIGHT = 1000;

/** Whom the link tells. */
export interface DurableUser {
  onStart(frame: ConsumingFrame): void;
  /** Something can be handed out, or the end has come. */
  onChange(): void;
  onEnd(error: MdsError | null): void;
}

export class DurableLink<T> implements HostedSubscription {
  readonly held = new HeldDeliveries<T>();
  readonly #host: SubscriptionHost;
  readonly #options: ConsumeOptions;
  readonly #consumer: string;
  readonly #user: DurableUser;
  readonly #wire: WirePlace;
  readonly #book = new DeliveryBook();
  readonly #answers: Answering;
  #state: DurableState = 'connecting';
  #endError: MdsError | null = null;
  #consuming: ConsumingFrame | null = null;
  /** Grows when the edge begins anew: `upTo` means only what was delivered since. */
  #generation = 0;

  constructor(host: SubscriptionHost, name: string, consumer: string, options: ConsumeOptions, user: DurableUser) {
    this.#host = host;
    this.#options = options;
    this.#consumer = consumer;
    this.#user = user;
    this.#wire = new WirePlace(host, this, name);
    this.#answers = new Answering(host.runtime.clock, this.#book, {
      id: () => (this.#consuming === null ? null : this.#wire.id),
      send: (message) => this.#wire.send(message),
    });
  }

  get state(): DurableState {
    return this.#state;
  }

  get end(): { readonly error: MdsError | null } | null {
    return this.#state === 'ended' ? { error: this.#endError } : null;
  }

  /** Shards that this consumer has. */
  get shards(): readonly number[] {
    return this.#state === 'active' ? (this.#consuming?.shards ?? []) : [];
  }

  /** Held or worked on. */
  get inFlight(): number {
    return this.#book.openCount;
  }

  /** Said and not stored yet. */
  get unconfirmed(): number {
    return this.#answers.unconfirmed;
  }

  attach(): void {
    if (this.#state !== 'connecting' || !this.#wire.isConnected) return;
    const { subscription, maxInFlight } = this.#options;
    const id = this.#wire.take();
    this.#consuming = null;
    this.#wire.send({
      type: 'consume',
      id,
      subscription,
      consumer: this.#consumer,
      ...(maxInFlight === undefined ? {} : { maxInFlight }),
    });
  }

  detach(error: MdsError): void {
    this.#leavePlace();
    this.#wire.lose();
    if (this.#state !== 'ended') this.#setState('connecting', error);
  }

  fail(error: MdsError | null): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#answers.sendNow();
    this.#answers.end(error ?? new MdsError('MDS_CLIENT_CLOSED'));
    this.#wire.leave();
    this.#endError = error;
    this.held.clear();
    this.#setState('ended', error);
    this.#host.ended(this);
    this.#user.onEnd(error);
  }

  onFrame(frame: RoutedFrame, receivedMs: number): void {
    switch (frame.type) {
      case 'consuming':
        this.#onConsuming(frame);
        break;
      case 'events':
        this.#onEvents(frame, receivedMs);
        break;
      case 'acked':
        this.#answers.onStored(frame.seq);
        break;
      case 'gap':
        this.#onGap(frame);
        break;
      case 'error':
        this.#onError(frame);
        break;
    }
  }

  #onConsuming(frame: ConsumingFrame): void {
    const before = this.#consuming;
    const isFirst = before === null;
    const hasSought = before !== null && before.seekRevision !== frame.seekRevision;
    this.#consuming = frame;
    this.#wire.confirm(null);
    if (hasSought) this.#book.forgetDone();
    if (hasSought || frame.state === 'standby') for (const { cursor } of this.held.clear()) this.#book.release(cursor);
    if (isFirst || hasSought || before.state !== frame.state || before.shards.join() !== frame.shards.join()) {
      this.#generation += 1;
    }
    if (this.#state !== frame.state) this.#setState(frame.state, null);
    if (isFirst) this.#user.onStart(frame);
    this.#answers.onAdmitted();
  }

  #onEvents(frame: EventsFrame, receivedMs: number): void {
    if (this.#consuming === null) return;
    const times = timesOf(frame, receivedMs);
    const fresh: Delivery<T>[] = [];
    for (const [i, { at, data }] of frame.events.entries()) {
      const cursor = { partition: frame.partition, ...cursorOf(at) };
      const meeting = this.#book.meet(cursor);
      if (meeting === 'done') this.#answers.repeat(cursor);
      if (meeting !== 'new') continue;
      this.#answers.onRedelivered(cursor);
      if (this.#book.openCount >= this.#maxInFlight) {
        this.#answers.refuse(cursor);
        continue;
      }
      this.#book.open(cursor);
      fresh.push(this.#delivery(data as T, cursor, times, frame.attempts?.[i] ?? 1)); // T is the caller's claim
    }
    if (fresh.length === 0) return;
    this.held.push(frame.partition, fresh);
    this.#user.onChange();
  }

  #onGap({ partition, from, to, code, message }: GapFrame): void {
    this.held.pushGap({ partition, from: cursorOf(from), to: cursorOf(to), code, message });
    this.#user.onChange();
  }

  #onError(frame: ErrorFrame): void {
    const error = mdsErrorOf(frame.code, frame.message, frame.details);
    if (frame.code === 'MDS_ACK_NOT_STORED') {
      this.#answers.onNotStored(error);
      return;
    }
    if (!frame.retryable) {
      this.fail(error);
      return;
    }
    this.#leavePlace();
    this.#setState('connecting', error);
    this.#wire.retryLater();
  }

  get #maxInFlight(): number {
    const { maxInFlight = DEFAULT_MAX_IN_FLIGHT, shardCount = 1 } = this.#consuming ?? {};
    return this.#options.maxInFlight ?? maxInFlight * shardCount; // the edge's is of each shard
  }

  #delivery(data: T, cursor: EventCursor, times: FrameTimes, attempt: number): Delivery<T> {
    const generation = this.#generation;
    const dueMs = times.receivedMs + (this.#consuming?.ackTimeoutMs ?? 0) * CUMULATIVE_SHARE;
    // An event that comes again was sent after later ones: an `upTo` that names one of those does not mean it.
    const isCumulative = (): boolean =>
      attempt === 1 &&
      generation === this.#generation &&
      this.#consuming?.shardCount === 1 &&
      this.#host.runtime.clock.now() < dueMs;
    let said: Promise<void> | null = null;
    const say = (nack: NackOptions | null): Promise<void> => {
      said ??= this.#answers.say(cursor, nack, isCumulative);
      return said;
    };
    return { data, cursor, times, attempt, ack: () => say(null), nack: (options = {}) => say(options) };
  }

  #leavePlace(): void {
    this.#consuming = null;
    this.#generation += 1;
    this.#answers.onConnectionLost();
  }

  #setState(state: DurableState, error: MdsError | null): void {
    this.#state = state;
    this.#options.onState?.(state, error);
  }
}
