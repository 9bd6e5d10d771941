// The client: keeps one connection to some edge alive and gives each subscription the frames that are for it.
//
//   connecting ─▶ open ─▶ (lost) waiting ─▶ connecting …        closed: by close(), or for good when an edge refuses

import type { Subscription as DurableInfo, NewSubscription } from '../../schemas/api/subscription.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { ClientMessage, WelcomeFrame } from '../../schemas/frames.ts';
import { type Backoff, backoffMs, DEFAULT_BACKOFF } from './backoff.ts';
import { type ClientState, type ConnectOptions, decodingOf, sourceOf } from './connect-options.ts';
import { Connection, type ConnectionEnd, type EventFormat } from './connection.ts';
import { authorizedFetch, CredentialSource } from './credential.ts';
import { CredentialRefresh } from './credential-refresh.ts';
import type { ConsumeOptions, DurableHandlers } from './durable-options.ts';
import { DurableSubscription } from './durable-subscription.ts';
import { EdgeDirectory } from './edge-directory.ts';
import { ensureSubscription } from './ensure-subscription.ts';
import { FrameRouter } from './frame-router.ts';
import { type Fetch, type Runtime, systemRuntime } from './runtime.ts';
import { Subscription } from './subscription.ts';
import type { HostedSubscription, SubscriptionHost } from './subscription-host.ts';
import type { SubscribeOptions, SubscriptionHandlers } from './subscription-options.ts';

/** A connection that lived this long was a good one: the next failure counts as the first. */
const STABLE_MS = 10_000;

export class MdsClient {
  readonly #runtime: Runtime;
  readonly #backoff: Backoff;
  readonly #maxAttempts: number;
  readonly #directory: EdgeDirectory;
  readonly #onStateChange: ((state: ClientState) => void) | undefined;
  readonly #subscriptions = new Set<HostedSubscription>();
  readonly #router = new FrameRouter();
  readonly #host: SubscriptionHost;
  readonly #format: EventFormat;
  readonly #api: string | undefined;
  readonly #fetch: Fetch;
  readonly #credentials: CredentialSource;
  readonly #refresh: CredentialRefresh;
  readonly #onCredentialError: ((error: MdsError) => void) | undefined;
  #state: ClientState = { state: 'connecting', url: null };
  #connection: Connection | null = null;
  #welcomedAtMs = 0;
  #failures = 0;
  #unansweredAttempts = 0;
  #subscribed = 0;
  #cancelRetry: (() => void) | null = null;

  constructor(options: ConnectOptions) {
    this.#runtime = { ...systemRuntime(), ...options.runtime };
    const { baseMs = DEFAULT_BACKOFF.baseMs, maxMs = DEFAULT_BACKOFF.maxMs, maxAttempts } = options.reconnect ?? {};
    this.#backoff = { baseMs, maxMs };
    this.#maxAttempts = maxAttempts ?? Number.POSITIVE_INFINITY;
    this.#onStateChange = options.onStateChange;
    this.#onCredentialError = options.onCredentialError;
    this.#credentials = new CredentialSource(options.credential, this.#runtime.clock);
    this.#fetch = authorizedFetch(this.#runtime.fetch, this.#credentials);
    this.#refresh = new CredentialRefresh({
      credentials: this.#credentials,
      runtime: this.#runtime,
      backoff: this.#backoff,
      send: (message) => this.#connection?.send(message),
      onError: (error) => this.#onCredentialError?.(error),
    });
    this.#directory = new EdgeDirectory(sourceOf(options), this.#fetch, this.#runtime.random);
    this.#format = options.format ?? 'json';
    this.#api = options.api;
    this.#host = {
      decoding: decodingOf(options, this.#fetch),
      runtime: this.#runtime,
      backoff: this.#backoff,
      send: (message: ClientMessage) => this.#connection?.send(message),
      connected: () => this.#state.state === 'open',
      route: (subscription, wireId, channel) => this.#router.route(subscription, wireId, channel),
      ended: (subscription) => this.#subscriptions.delete(subscription),
    };
    this.#connect();
  }

  get state(): ClientState {
    return this.#state;
  }

  /**
   * Begins a subscription; it is confirmed when its `ready` is fulfilled. Iterate over it, or pass handlers, or a store.
   *
   * `T` is the type of an event's data as the caller knows it from the topic's schema; it is not checked.
   * @throws MdsError `MDS_CLIENT_CLOSED`, `MDS_TOKEN_CORRUPT` or `MDS_REQUEST_INVALID`
   */
  subscribe<T = unknown>(options: SubscribeOptions<T>, handlers?: SubscriptionHandlers<T>): Subscription<T> {
    if (handlers && options.store) {
      throw new MdsError('MDS_REQUEST_INVALID', { problems: ['events go to handlers or to a store, not to both'] });
    }
    const subscription = new Subscription<T>(this.#host, this.#nextName(), options, handlers);
    if (handlers) void subscription.deliverTo(handlers);
    if (options.store) void subscription.commitTo(options.store);
    this.#begin(subscription.hosted);
    return subscription;
  }

  /**
   * Takes part in a durable subscription, which exists already (see `ensureSubscription`); it is confirmed when its `ready`
   * is fulfilled. Iterate over it, or pass handlers.
   *
   * @throws MdsError `MDS_CLIENT_CLOSED` or `MDS_REQUEST_INVALID`
   */
  consume<T = unknown>(options: ConsumeOptions, handlers?: DurableHandlers<T>): DurableSubscription<T> {
    const subscription = new DurableSubscription<T>(this.#host, this.#nextName(), options, handlers);
    if (handlers) void subscription.deliverTo(handlers);
    this.#begin(subscription.hosted);
    return subscription;
  }

  /**
   * Creates a durable subscription, unless it is there already; what an operator changed of its delivery stays.
   *
   * @throws MdsError `MDS_REQUEST_INVALID` when this client has no `api`, or one of that name has other events; what the
   *   control plane answers otherwise
   */
  ensureSubscription(wanted: NewSubscription): Promise<DurableInfo> {
    return ensureSubscription(this.#api, this.#fetch, wanted);
  }

  /** Ends every subscription and the connection, for good. */
  close(): void {
    this.#close(null);
  }

  #nextName(): string {
    if (this.#state.state === 'closed') throw new MdsError('MDS_CLIENT_CLOSED');
    this.#subscribed += 1;
    return `s${this.#subscribed}`;
  }

  #begin(subscription: HostedSubscription): void {
    this.#subscriptions.add(subscription);
    if (this.#state.state === 'open') subscription.attach();
  }

  #connect(): void {
    this.#setState({ state: 'connecting', url: null });
    this.#next().then(
      ({ url, credential }) => this.#open(url, credential),
      (error) => this.#onNoEdge(error),
    );
  }

  /** The credential first: the control plane may ask for it, and no edge waits while it is got. */
  async #next(): Promise<{ readonly url: string; readonly credential: string | null }> {
    const credential = await this.#credentials.renew();
    return { url: await this.#directory.next(), credential };
  }

  #open(url: string, credential: string | null): void {
    if (this.#state.state === 'closed') return;
    this.#setState({ state: 'connecting', url });
    this.#connection = new Connection(url, this.#format, credential, this.#runtime, {
      onWelcome: (welcome) => this.#onWelcome(url, welcome),
      onAuthenticated: (expiresInMs) => this.#refresh.start(expiresInMs),
      onError: (error) => {
        if (error.code === 'MDS_IDENTITY_CHANGED') this.#onCredentialError?.(error);
      },
      onFrame: (frame) => this.#router.give(frame, this.#runtime.clock.now()),
      onEnd: (end) => this.#onEnd(end),
    });
  }

  #onNoEdge(error: unknown): void {
    if (this.#state.state === 'closed') return;
    if (!(error instanceof MdsError)) throw error;
    // the control plane has refused what was got just now
    if (error.code === 'MDS_UNAUTHENTICATED') this.#close(error);
    else this.#retry(error, null);
  }

  #onWelcome(url: string, { edge, connection, identity }: WelcomeFrame): void {
    this.#refresh.start(identity?.expiresInMs ?? null);
    this.#welcomedAtMs = this.#runtime.clock.now();
    this.#unansweredAttempts = 0;
    this.#setState({ state: 'open', url, edge, connection });
    for (const subscription of [...this.#subscriptions]) subscription.attach();
  }

  #onEnd({ resumable, reason, closeCode, goodbye, isUnauthenticated }: ConnectionEnd): void {
    const wasOpen = this.#state.state === 'open';
    if (wasOpen && this.#runtime.clock.now() - this.#welcomedAtMs >= STABLE_MS) this.#failures = 0;
    this.#connection = null;
    this.#refresh.stop();
    // What was accepted before may have been replaced; what was refused as new will not be accepted next time either.
    const mayRenew = isUnauthenticated && wasOpen && this.#credentials.isRenewable;
    if (!resumable && !mayRenew) {
      this.#close(
        isUnauthenticated
          ? new MdsError('MDS_UNAUTHENTICATED')
          : new MdsError('MDS_CONNECTION_REFUSED', { reason, closeCode }),
      );
      return;
    }
    if (goodbye) this.#directory.prefer(goodbye.edges);
    this.#retry(new MdsError('MDS_CONNECTION_LOST', { reason, closeCode }), goodbye?.reconnectAfterMs ?? null);
  }

  /** @param afterMs what the edge asked for; null: by backoff */
  #retry(error: MdsError, afterMs: number | null): void {
    this.#unansweredAttempts += 1;
    if (this.#unansweredAttempts >= this.#maxAttempts) {
      this.#close(error);
      return;
    }
    const jitterMs = backoffMs(afterMs === null ? this.#failures : 0, this.#backoff, this.#runtime.random);
    const retryInMs = (afterMs ?? 0) + jitterMs;
    this.#failures += 1;
    // Subscriptions first: whoever hears of the client's state must not find them still live.
    this.#state = { state: 'waiting', retryInMs, error };
    for (const subscription of [...this.#subscriptions]) subscription.detach(error);
    this.#onStateChange?.(this.#state);
    this.#cancelRetry = this.#runtime.clock.after(retryInMs, () => this.#connect());
  }

  #close(error: MdsError | null): void {
    if (this.#state.state === 'closed') return;
    for (const subscription of [...this.#subscriptions]) subscription.fail(error);
    this.#cancelRetry?.();
    this.#refresh.stop();
    this.#connection?.close();
    this.#connection = null;
    this.#setState({ state: 'closed', error });
  }

  #setState(state: ClientState): void {
    this.#state = state;
    this.#onStateChange?.(state);
  }
}
