// One subscription as its user sees it: it lives through reconnects, hands out every event once and in order, and always
// knows the token of what it has handed out. How it gets them: subscription-link.ts.

import { MdsError } from '../../schemas/errors.ts';
import { EventDecoder } from './event-decoder.ts';
import type { EventBatch, Gap, ReceivedEvent, ShedCounts } from './events.ts';
import { commitTo, type Store } from './store.ts';
import type { HostedSubscription, SubscriptionHost } from './subscription-host.ts';
import { SubscriptionLink } from './subscription-link.ts';
import type {
  SubscribeOptions,
  SubscriptionHandlers,
  SubscriptionStart,
  SubscriptionState,
} from './subscription-options.ts';
import { gapError, SubscriptionReader } from './subscription-reader.ts';

export class Subscription<T> implements AsyncIterable<ReceivedEvent<T>> {
  /** Settles when the service has confirmed the start for the first time, or never will. */
  readonly ready: Promise<SubscriptionStart>;
  /** Fulfilled after `unsubscribe()` or `close()`, rejected with what ended it otherwise. */
  readonly finished: Promise<void>;
  readonly #host: SubscriptionHost;
  readonly #options: SubscribeOptions<T>;
  readonly #start = Promise.withResolvers<SubscriptionStart>();
  readonly #finish = Promise.withResolvers<void>();
  readonly #link: SubscriptionLink<T>;
  readonly #reader: SubscriptionReader<T>;
  /** By callbacks or a store, whose failure is the end. */
  #isWorkedOff = false;

  /** @throws MdsError `MDS_TOKEN_CORRUPT` or `MDS_REQUEST_INVALID` */
  constructor(
    host: SubscriptionHost,
    name: string,
    options: SubscribeOptions<T>,
    handlers: Partial<SubscriptionHandlers<T>> = {},
  ) {
    const onGap = handlers.onGap ?? options.onGap;
    const onShed = handlers.onShed ?? options.onShed;
    this.#host = host;
    this.#options = options;
    this.#link = new SubscriptionLink(host, name, options, {
      onStart: ({ channel, filter, partitions, replaying, position: token }) =>
        this.#start.resolve({ token, channel, filter, partitions, replaying }),
      onChange: () => this.#reader.wake(),
      onEnd: (error) => this.#onEnd(error),
      wantsShed: onShed !== undefined,
    });
    this.#reader = new SubscriptionReader(
      {
        queue: () => this.#link.reception?.queue ?? null,
        end: () => this.#link.end,
        onTaken: () => this.#link.onTaken(),
        onGap: onGap ?? throwGap,
        onShed: (shed) => onShed?.(shed),
        stop: (error) => this.#link.fail(error),
      },
      new EventDecoder(host.decoding, host.runtime, host.backoff),
    );
    this.ready = this.#start.promise;
    this.finished = this.#finish.promise;
    // Whoever iterates or has an onEnd learns of the same failure there; these alone must not end the process.
    this.ready.catch(() => undefined);
    this.finished.catch(() => undefined);
  }

  get state(): SubscriptionState {
    return this.#link.state;
  }

  get topic(): string {
    return this.#options.topic;
  }

  /**
   * Resume token of exactly what was handed to the user: subscribing with it continues with the next event.
   * Null before the start is known, unless `resume` was given.
   */
  get token(): string | null {
    return this.#link.token;
  }

  /** Events received and not handed out yet. */
  get bufferedEvents(): number {
    return this.#link.reception?.queue.size ?? 0;
  }

  /** Events that the edge has left out, as `overflow` and `maxRate` say. */
  get shed(): ShedCounts {
    return this.#link.reception?.shed ?? { dropped: 0, conflated: 0 };
  }

  /** Ends it: nothing more is handed out, what is buffered is dropped (the token does not cover it). */
  unsubscribe(): void {
    this.#link.fail(null);
  }

  /** Events one by one. Leaving the loop unsubscribes. */
  [Symbol.asyncIterator](): AsyncIterableIterator<ReceivedEvent<T>> {
    this.#refuseWithStore();
    return this.#reader.events();
  }

  /** Events as they came, many at a time: cheaper for fast streams. Leaving the loop unsubscribes. */
  batches(): AsyncIterableIterator<EventBatch<T>> {
    this.#refuseWithStore();
    return this.#reader.batches();
  }

  // ---- called by the client

  get hosted(): HostedSubscription {
    return this.#link;
  }

  /** Hands everything to callbacks instead of an iterator, until the end. */
  async deliverTo({ onEvents, onEnd }: Pick<SubscriptionHandlers<T>, 'onEvents' | 'onEnd'>): Promise<void> {
    const failure = await this.#workOff(async () => {
      for await (const batch of this.batches()) await onEvents(batch);
    });
    onEnd(failure);
  }

  /** Hands everything to a store, until the end. */
  async commitTo(store: Store<T>): Promise<void> {
    await this.#workOff(() =>
      commitTo(store, {
        runtime: this.#host.runtime,
        backoff: this.#host.backoff,
        begin: (resume) => this.#beginAt(resume),
        groups: (limit) => this.#reader.groups(limit),
        token: () => this.token,
        isEnded: () => this.state === 'ended',
      }),
    );
  }

  // ---- details

  /** @returns false when it was ended before it began */
  async #beginAt(resume: string | undefined): Promise<boolean> {
    this.#link.beginAt(resume);
    try {
      await this.ready;
      return true;
    } catch (error) {
      if (this.#link.end?.error) throw error;
      return false;
    }
  }

  /** @returns what ended it; null after `unsubscribe()` or `close()` */
  async #workOff(work: () => Promise<void>): Promise<unknown> {
    this.#isWorkedOff = true;
    try {
      await work();
      this.#finish.resolve();
      return null;
    } catch (failure) {
      this.unsubscribe();
      this.#finish.reject(failure);
      return failure;
    }
  }

  #onEnd(error: MdsError | null): void {
    this.#start.reject(error ?? new MdsError('MDS_CLIENT_CLOSED'));
    this.#reader.wake();
    if (this.#isWorkedOff) return;
    if (error) this.#finish.reject(error);
    else this.#finish.resolve();
  }

  #refuseWithStore(): void {
    if (this.#options.store === undefined) return;
    throw new MdsError('MDS_REQUEST_INVALID', { problems: ['with a store, events go there; await finished instead'] });
  }
}

const throwGap = (gap: Gap): never => {
  throw gapError(gap);
};
