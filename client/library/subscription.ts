// One subscription as its user sees it: it lives through reconnects, hands out every event once and in order, and always
// knows the token of what it has handed out.
//
//   waiting ─▶ subscribing ─▶ (replaying ─▶) live ─▶ ended
//      ▲            └────────────┬────────────┘
//      └─ connection lost ───────┴─▶ paused (buffer full) ─▶ waiting, when half of it was read

import { MdsError } from '../../schemas/errors.ts';
import type { ClientMessage, ErrorFrame, EventsFrame, GapFrame, SubscribedFrame } from '../../schemas/frames.ts';
import { decodeResumeToken } from '../../schemas/resume-token.ts';
import type { AvroDecoding } from './avro-decoding.ts';
import { type Backoff, backoffMs } from './backoff.ts';
import { DeliveryQueue } from './delivery-queue.ts';
import { mdsErrorOf } from './error-frame.ts';
import type { EventBatch, Gap, ReceivedEvent } from './events.ts';
import { batchOf, cursorOf } from './frame-events.ts';
import { Progress } from './progress.ts';
import type { Runtime } from './runtime.ts';

/**
 * 10,000 events: about 10 MB of typical events, half a second of a 20,000 events/s stream. More only delays the moment at
 * which a reader that is too slow falls back to reading from Kafka's history at its own speed.
 */
export const DEFAULT_BUFFER_EVENTS = 10_000;
/** A paused subscription resumes when this share of its buffer is filled: at 1 it would pause again at once. */
const RESUME_SHARE = 0.5;

export type SubscriptionState = 'waiting' | 'subscribing' | 'replaying' | 'live' | 'paused' | 'ended';

export interface SubscribeOptions {
  readonly topic: string;
  /** CEL; absent or empty: every event. */
  readonly filter?: string;
  /** Field paths to keep; absent: all. */
  readonly fields?: readonly string[];
  /** Token of an earlier subscription to the same topic: everything after it comes first. */
  readonly resume?: string;
  /** Most events held for a reader that is slower than the stream. */
  readonly bufferEvents?: number;
  /**
   * `resume` (default): stop receiving, and continue from there when half the buffer was read; nothing is lost as long as
   * Kafka holds it. `error`: end the subscription with `MDS_CLIENT_BUFFER_FULL` behind what the buffer holds.
   */
  readonly onBufferFull?: 'resume' | 'error';
  /**
   * Told of each range that will never come, in its place between the events. Without it, iterating throws an MdsError
   * with the gap's code there; iterating again continues behind the gap.
   */
  readonly onGap?: (gap: Gap) => void;
  /** `error` says why it waits or ended, when something went wrong. */
  readonly onState?: (state: SubscriptionState, error: MdsError | null) => void;
}

export interface SubscriptionHandlers<T> {
  /** The next batch is handed over when the promise is fulfilled. */
  readonly onEvents: (batch: EventBatch<T>) => void | Promise<void>;
  readonly onGap: (gap: Gap) => void;
  /** Exactly once, with null after `unsubscribe()` or `close()`. */
  readonly onEnd: (error: unknown) => void;
}

/** Where a subscription began. */
export interface SubscriptionStart {
  /** Resume token of the start: from there on nothing is missing. */
  readonly token: string;
  readonly channel: string;
  /** The filter in canonical form. */
  readonly filter: string;
  readonly partitions: number;
  readonly replaying: boolean;
}

/** What a subscription needs from the client it belongs to. */
export interface SubscriptionHost {
  readonly runtime: Runtime;
  readonly backoff: Backoff;
  /** What makes values of Avro events; null: they are handed out as they came. */
  readonly decoding: AvroDecoding | null;
  send(message: ClientMessage): void;
  connected(): boolean;
  /** The subscription has a new wire id or channel, or none. */
  route(subscription: RoutedSubscription, wireId: string | null, channel: string | null): void;
  ended(subscription: RoutedSubscription): void;
}

/** What the client needs from a subscription, whatever its type of data. */
export type RoutedSubscription = Subscription<unknown>;

export class Subscription<T> implements AsyncIterable<ReceivedEvent<T>> {
  /** Settles when the service has confirmed the start for the first time, or never will. */
  readonly ready: Promise<SubscriptionStart>;
  readonly #host: SubscriptionHost;
  readonly #options: SubscribeOptions;
  readonly #name: string;
  readonly #onGap: ((gap: Gap) => void) | undefined;
  readonly #start = Promise.withResolvers<SubscriptionStart>();
  readonly #bufferEvents: number;
  #state: SubscriptionState = 'waiting';
  #attempts = 0;
  #failures = 0;
  #decodingFailures = 0;
  #wireId: string | null = null;
  #progress: { readonly received: Progress; readonly delivered: Progress; readonly queue: DeliveryQueue<T> } | null =
    null;
  #endError: MdsError | null = null;
  #cancelRetry: (() => void) | null = null;
  #changed = Promise.withResolvers<void>();

  /** @throws MdsError `MDS_TOKEN_CORRUPT` or `MDS_REQUEST_INVALID` */
  constructor(host: SubscriptionHost, name: string, options: SubscribeOptions, onGap?: (gap: Gap) => void) {
    this.#bufferEvents = options.bufferEvents ?? DEFAULT_BUFFER_EVENTS;
    if (!Number.isSafeInteger(this.#bufferEvents) || this.#bufferEvents < 1) {
      throw new MdsError('MDS_REQUEST_INVALID', { problems: ['bufferEvents must be a whole number of at least 1'] });
    }
    if (options.resume !== undefined) decodeResumeToken(options.resume);
    this.#host = host;
    this.#name = name;
    this.#options = options;
    this.#onGap = onGap ?? options.onGap;
    this.ready = this.#start.promise;
    // Whoever iterates or has an onEnd learns of the same failure there; `ready` alone must not end the process.
    this.ready.catch(() => undefined);
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  get topic(): string {
    return this.#options.topic;
  }

  /**
   * Resume token of exactly what was handed to the user: subscribing with it continues with the next event.
   * Null before the start is known, unless `resume` was given.
   */
  get token(): string | null {
    return this.#progress?.delivered.token ?? this.#options.resume ?? null;
  }

  /** Events received and not handed out yet. */
  get bufferedEvents(): number {
    return this.#progress?.queue.size ?? 0;
  }

  /** Ends it: nothing more is handed out, what is buffered is dropped (the token does not cover it). */
  unsubscribe(): void {
    this.#end(null);
  }

  /** Events one by one. Leaving the loop unsubscribes. */
  [Symbol.asyncIterator](): AsyncIterableIterator<ReceivedEvent<T>> {
    return this.#iterator((queue) => {
      const event = queue.takeEvent();
      return event && this.#decoded(event);
    });
  }

  /** Events as they came, many at a time: cheaper for fast streams. Leaving the loop unsubscribes. */
  batches(): AsyncIterableIterator<EventBatch<T>> {
    return this.#iterator((queue) => {
      const batch = queue.takeBatch();
      return batch && this.#host.decoding
        ? { ...batch, events: batch.events.map((event) => this.#decoded(event)) }
        : batch;
    });
  }

  #iterator<Item>(take: (queue: DeliveryQueue<T>) => Item | undefined): AsyncIterableIterator<Item> {
    const iterator: AsyncIterableIterator<Item> = {
      next: () => this.#next(take),
      return: () => {
        this.unsubscribe();
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  async #next<Item>(take: (queue: DeliveryQueue<T>) => Item | undefined): Promise<IteratorResult<Item>> {
    for (;;) {
      const queue = this.#progress?.queue;
      for (let gap = queue?.takeGap(); gap; gap = queue?.takeGap()) {
        if (!this.#onGap) throw mdsErrorOf(gap.code, gap.message, { gap });
        this.#onGap(gap);
      }
      if (queue && !(await this.#canDecode(queue))) continue;
      const item = queue && take(queue);
      this.#resumeIfDrained();
      if (item !== undefined) return { done: false, value: item };
      if (queue === undefined || queue.size === 0) {
        if (this.#state === 'ended' && this.#endError) throw this.#endError;
        if (this.#state === 'ended') return { done: true, value: undefined };
        await this.#changed.promise;
      }
    }
  }

  #decoded(event: ReceivedEvent<T>): ReceivedEvent<T> {
    const { decoding } = this.#host;
    // T is the caller's claim about what the decoder makes.
    return decoding === null ? event : { ...event, data: decoding.decode(event.data) as T };
  }

  /** @returns false after a wait, in which anything may have changed */
  async #canDecode(queue: DeliveryQueue<T>): Promise<boolean> {
    const { decoding, backoff, runtime } = this.#host;
    const batch = decoding === null ? undefined : queue.peekBatch();
    if (decoding === null || batch === undefined || decoding.isReadyFor(batch)) return true;
    try {
      await decoding.prepareFor(batch);
      this.#decodingFailures = 0;
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      if (error.retryable) {
        const { promise, resolve } = Promise.withResolvers<void>();
        runtime.clock.after(backoffMs(this.#decodingFailures++, backoff, runtime.random), resolve);
        await promise;
      } else {
        queue.clear(); // the token does not cover what nobody can read
        this.#end(error);
      }
    }
    return false;
  }

  // ---- called by the client

  /** A connection is open: subscribe on it. */
  attach(): void {
    if (this.#state === 'waiting') this.#subscribe();
  }

  /** The connection is gone. */
  detach(error: MdsError): void {
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    if (this.#state === 'paused' || this.#state === 'ended') return;
    this.#setWire(null);
    this.#setState('waiting', error);
  }

  /** The client can do no more. */
  fail(error: MdsError | null): void {
    this.#end(error);
  }

  onSubscribed(frame: SubscribedFrame): void {
    if (this.#state !== 'subscribing') return;
    this.#failures = 0;
    const start = Progress.fromToken(frame.position);
    if (this.#progress) {
      // Partitions that were added meanwhile are completed by the service.
      this.#progress.received.merge(start.position);
      this.#progress.queue.pushPosition(start.position);
    } else {
      const delivered = Progress.fromToken(frame.position);
      const queue = new DeliveryQueue<T>(this.#bufferEvents, delivered);
      this.#progress = { received: start, delivered, queue };
    }
    this.#host.route(this, this.#wireId, frame.channel);
    this.#setState(frame.replaying ? 'replaying' : 'live', null);
    const { channel, filter, partitions, replaying, position: token } = frame;
    this.#start.resolve({ token, channel, filter, partitions, replaying });
  }

  onLive(): void {
    if (this.#state === 'replaying') this.#setState('live', null);
  }

  /** A frame for this subscription alone, or for its channel; the latter concerns it only when it is live. */
  onEvents(frame: EventsFrame, receivedMs: number): void {
    if (!this.#progress || (this.#state !== 'live' && !(this.#state === 'replaying' && frame.sub !== undefined)))
      return;
    const { received, queue } = this.#progress;
    const batch = batchOf<T>(frame, received, receivedMs);
    if (!batch) {
      received.advance(frame.partition, cursorOf(frame.to));
      queue.pushPosition(new Map([[frame.partition, cursorOf(frame.to)]]));
      return;
    }
    const fitting = this.#fitting(batch, queue.room);
    if (fitting) {
      received.advance(batch.partition, fitting.to);
      queue.pushBatch(fitting);
      this.#wake();
    }
    if (fitting !== batch) this.#pause();
  }

  onGap(frame: GapFrame): void {
    if (!this.#progress) return;
    const { received, queue } = this.#progress;
    if (received.covers(frame.partition, cursorOf(frame.to))) return;
    if (queue.room < 1) {
      this.#pause();
      return;
    }
    const { partition, code, message } = frame;
    received.advance(partition, cursorOf(frame.to));
    queue.pushGap({ partition, from: cursorOf(frame.from), to: cursorOf(frame.to), code, message });
    this.#wake();
  }

  onPosition(token: string): void {
    if (!this.#progress || (this.#state !== 'live' && this.#state !== 'replaying')) return;
    const { position } = decodeResumeToken(token);
    this.#progress.received.merge(position);
    this.#progress.queue.pushPosition(position);
  }

  onError(frame: ErrorFrame): void {
    const error = mdsErrorOf(frame.code, frame.message, frame.details);
    if (!frame.retryable) {
      this.#end(error);
      return;
    }
    this.#setWire(null);
    this.#setState('waiting', error);
    const delayMs = backoffMs(this.#failures++, this.#host.backoff, this.#host.runtime.random);
    this.#cancelRetry = this.#host.runtime.clock.after(delayMs, () => this.attach());
  }

  // ---- details

  /** Hands everything to callbacks instead of an iterator, until the end. */
  async deliverTo(handlers: SubscriptionHandlers<T>): Promise<void> {
    let failure: unknown = null;
    try {
      for await (const batch of this.batches()) await handlers.onEvents(batch);
    } catch (error) {
      failure = error;
      this.unsubscribe();
    }
    handlers.onEnd(failure);
  }

  #subscribe(): void {
    if (!this.#host.connected()) return;
    this.#attempts += 1;
    const id = `${this.#name}.${this.#attempts}`;
    const { topic, filter, fields } = this.#options;
    const resume = this.#progress?.received.token ?? this.#options.resume;
    this.#setWire(id);
    this.#setState('subscribing', null);
    this.#send({
      type: 'subscribe',
      id,
      topic,
      ...(filter === undefined ? {} : { filter }),
      ...(fields === undefined ? {} : { fields }),
      ...(resume === undefined ? {} : { resume }),
    });
  }

  /** As much of the batch as there is room for. */
  #fitting(batch: EventBatch<T>, room: number): EventBatch<T> | null {
    if (batch.events.length <= room) return batch;
    const events = batch.events.slice(0, room);
    const last = events.at(-1);
    return last ? { ...batch, to: { offset: last.cursor.offset, index: last.cursor.index }, events } : null;
  }

  /** The buffer is full. A page cannot slow a WebSocket down, so the edge is told to stop sending. */
  #pause(): void {
    const error = new MdsError('MDS_CLIENT_BUFFER_FULL', { limit: this.#bufferEvents });
    if (this.#options.onBufferFull === 'error') {
      this.#end(error);
      return;
    }
    this.#leaveWire();
    this.#setState('paused', error);
  }

  #resumeIfDrained(): void {
    if (this.#state !== 'paused' || this.bufferedEvents > this.#bufferEvents * RESUME_SHARE) return;
    this.#setState('waiting', null);
    this.#subscribe();
  }

  #end(error: MdsError | null): void {
    if (this.#state === 'ended') return;
    this.#cancelRetry?.();
    this.#leaveWire();
    this.#endError = error;
    if (!error) this.#progress?.queue.clear();
    this.#start.reject(error ?? new MdsError('MDS_CLIENT_CLOSED'));
    this.#setState('ended', error);
    this.#host.ended(this);
    this.#wake();
  }

  #leaveWire(): void {
    const id = this.#wireId;
    if (id === null) return;
    this.#setWire(null);
    if (this.#host.connected()) this.#send({ type: 'unsubscribe', id });
  }

  #setWire(wireId: string | null): void {
    this.#wireId = wireId;
    this.#host.route(this, wireId, null);
  }

  #send(message: ClientMessage): void {
    try {
      this.#host.send(message);
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      this.#wireId = null;
      this.#end(error);
    }
  }

  #setState(state: SubscriptionState, error: MdsError | null): void {
    this.#state = state;
    this.#options.onState?.(state, error);
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}
