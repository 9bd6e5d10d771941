// A user of the client library: reads a subscription batch by batch and keeps what it was handed, across as many clients as
// it takes. `kill` ends a client the way a crash does: no close frame, no unsubscribe, nothing read any more.

import { WebSocket } from 'ws';
import {
  type ConnectOptions,
  connect,
  type Gap,
  type MdsClient,
  type Subscription,
} from '../../../client/library/index.ts';
import { decodeResumeToken } from '../../../schemas/resume-token.ts';
import type { ReceivedEvent } from './ledger.ts';

interface LibrarySubscriberOptions {
  readonly connect: Pick<ConnectOptions, 'url' | 'urls' | 'api' | 'credential'>;
  readonly topic: string;
  readonly filter?: string;
  /** Counts events that come twice over the wire. The library drops the second; this reads every frame once more. */
  readonly watchesWire?: boolean;
}

/** Short, so that a test does not wait for politeness. */
const RECONNECT = { baseMs: 50, maxMs: 500 } as const;

export class LibrarySubscriber {
  readonly received: ReceivedEvent[] = [];
  readonly gaps: Gap[] = [];
  /** What ended the subscription, when something did. */
  error: unknown = null;
  reconnects = 0;
  wireDuplicates = 0;
  readonly #wireCursors = new Set<string>();
  readonly #options: LibrarySubscriberOptions;
  #client: MdsClient | null = null;
  #subscription: Subscription<unknown> | null = null;
  #sockets: WebSocket[] = [];
  #token: string | null = null;
  #start: ReadonlyMap<number, { readonly offset: number; readonly index: number }> | null = null;

  constructor(options: LibrarySubscriberOptions) {
    this.#options = options;
  }

  /** Where the first of its subscriptions began: exclusive, per partition. */
  get start(): ReadonlyMap<number, { readonly offset: number; readonly index: number }> {
    if (this.#start === null) throw new Error('the subscription was never confirmed');
    return this.#start;
  }

  get state(): string {
    return `${this.#client?.state.state} ${this.#subscription?.state}`;
  }

  /** Starts a client that continues where the last one was killed; resolves when the service has confirmed it. */
  async open(): Promise<void> {
    const sockets: WebSocket[] = [];
    this.#sockets = sockets;
    const onMessage = this.#options.watchesWire === true ? (data: unknown) => this.#onWire(String(data)) : null;
    class RecordedWebSocket extends WebSocket {
      constructor(url: string, protocol: string) {
        super(url, protocol);
        sockets.push(this);
        if (onMessage !== null) this.on('message', onMessage);
      }
    }
    const client = connect({
      ...this.#options.connect,
      reconnect: RECONNECT,
      runtime: { WebSocket: RecordedWebSocket },
      onStateChange: ({ state }) => {
        if (state === 'waiting') this.reconnects += 1;
      },
    });
    const { topic, filter } = this.#options;
    const subscription = client.subscribe({
      topic,
      ...(filter === undefined ? {} : { filter }),
      ...(this.#token === null ? {} : { resume: this.#token }),
      onGap: (gap) => this.gaps.push(gap),
    });
    this.#client = client;
    this.#subscription = subscription;
    void this.#read(subscription);
    const { token } = await subscription.ready;
    this.#start ??= decodeResumeToken(token).position;
  }

  /** The program dies; only the token it has stored survives. */
  kill(): void {
    this.#token = this.#subscription?.token ?? this.#token;
    this.#subscription = null;
    this.cutConnection();
    this.#client?.close();
    this.#client = null;
  }

  /** The network fails; the client is to come back by itself. */
  cutConnection(): void {
    for (const socket of this.#sockets) socket.terminate();
    this.#sockets.length = 0;
  }

  close(): void {
    this.#client?.close();
    this.#client = null;
    this.#subscription = null;
  }

  #onWire(text: string): void {
    const frame = JSON.parse(text);
    if (frame.type !== 'events') return;
    for (const { at } of frame.events) {
      const cursor = `${frame.partition}/${at[0]}/${at[1]}`;
      if (this.#wireCursors.has(cursor)) this.wireDuplicates += 1;
      this.#wireCursors.add(cursor);
    }
  }

  async #read(subscription: Subscription<unknown>): Promise<void> {
    try {
      for await (const { partition, events } of subscription.batches()) {
        if (this.#subscription !== subscription) return; // killed: what it would still be handed dies with it
        for (const { cursor, data } of events) {
          this.received.push({ partition, offset: cursor.offset, index: cursor.index, data });
        }
      }
    } catch (error) {
      if (this.#subscription === subscription) this.error = error;
    }
  }
}
