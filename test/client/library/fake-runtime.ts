// A runtime for the client library in which nothing is real: time stands until a test moves it, and every WebSocket that
// the client opens is in the test's hand.

import type { Clock, Fetch, Runtime, Socket } from '../../../client/library/runtime.ts';
import type {
  ClientMessage,
  ConsumingFrame,
  EventsFrame,
  ServerFrame,
  SubscribeMessage,
  WelcomeFrame,
} from '../../../schemas/frames.ts';
import { encodeResumeToken } from '../../../schemas/resume-token.ts';

type Listener = (event: { readonly data: unknown; readonly code: number; readonly reason: string }) => void;

export class FakeSocket implements Socket {
  readonly url: string;
  readonly protocol: string;
  readonly sent: ClientMessage[] = [];
  closedWith: number | null = null;
  readonly #listeners = new Map<string, Listener[]>();

  constructor(url: string, protocol: string) {
    this.url = url;
    this.protocol = protocol;
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(code = 1005): void {
    this.closedWith ??= code;
  }

  /** What the edge sends. */
  receive(frame: ServerFrame | string): void {
    const data = typeof frame === 'string' ? frame : JSON.stringify(frame);
    this.#emit('message', { data, code: 0, reason: '' });
  }

  receiveBytes(bytes: Uint8Array = new Uint8Array(3)): void {
    this.#emit('message', { data: Uint8Array.from(bytes).buffer, code: 0, reason: '' });
  }

  /** The connection breaks, or the edge closes it. */
  drop(code = 1006, reason = ''): void {
    if (code === 1006) this.#emit('error', { data: null, code: 0, reason: '' });
    this.#emit('close', { data: null, code, reason });
  }

  welcome(overrides: Partial<WelcomeFrame> = {}): void {
    const limits = { subscriptions: 100, messageBytes: 65_536, messagesPerSecond: 1000 };
    this.receive({ type: 'welcome', connection: 'c1', edge: 'edge-1', heartbeatMs: 1000, limits, ...overrides });
  }

  subscribes(): SubscribeMessage[] {
    return this.sent.filter((message) => message.type === 'subscribe');
  }

  lastSubscribe(): SubscribeMessage {
    const last = this.subscribes().at(-1);
    if (!last) throw new Error('nothing was subscribed');
    return last;
  }

  /** Everything of one type that the client has sent. */
  all<Type extends ClientMessage['type']>(type: Type): Extract<ClientMessage, { readonly type: Type }>[] {
    const isOfType = (message: ClientMessage): message is Extract<ClientMessage, { readonly type: Type }> =>
      message.type === type;
    return this.sent.filter(isOfType);
  }

  #emit(type: string, event: Parameters<Listener>[0]): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event);
  }
}

export class FakeClock implements Clock {
  #nowMs = 1_000_000;
  #timers: { readonly atMs: number; readonly action: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  get pending(): number {
    return this.#timers.length;
  }

  /** Lets `ms` pass, running what falls due in order. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const due = this.#timers.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (!due) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.action();
    }
    this.#nowMs = endMs;
  }
}

export interface FakeWorld {
  readonly runtime: Runtime;
  readonly clock: FakeClock;
  readonly sockets: FakeSocket[];
  /** The newest socket. */
  socket(): FakeSocket;
}

/** @param options `random`: what Math.random would give; `fetch`: what the control plane answers */
export function aWorld(options: { readonly random?: () => number; readonly fetch?: Fetch } = {}): FakeWorld {
  const sockets: FakeSocket[] = [];
  const clock = new FakeClock();
  class RecordedSocket extends FakeSocket {
    constructor(url: string, protocol: string) {
      super(url, protocol);
      sockets.push(this);
    }
  }
  const noFetch: Fetch = () => Promise.reject(new Error('no network'));
  const runtime = {
    WebSocket: RecordedSocket,
    clock,
    random: options.random ?? (() => 0.5),
    fetch: options.fetch ?? noFetch,
  };
  const socket = (): FakeSocket => {
    const last = sockets.at(-1);
    if (!last) throw new Error('no socket was opened');
    return last;
  };
  return { runtime, clock, sockets, socket };
}

/** Lets everything run that waits for promises only. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const TOPIC_ID = 7;

/** @param offsets offset reached in each partition, from partition 0 */
export const aToken = (...offsets: number[]): string =>
  encodeResumeToken({ topicId: TOPIC_ID, position: new Map(offsets.map((offset, p) => [p, { offset, index: 0 }])) });

export function aSubscribed(id: string, overrides: object = {}): ServerFrame {
  const frame = { type: 'subscribed', id, channel: 'ch', topic: 'host.metrics', filter: '', partitions: 1 } as const;
  return { ...frame, position: aToken(0), replaying: false, ...overrides };
}

export function aConsuming(id: string, overrides: Partial<ConsumingFrame> = {}): ConsumingFrame {
  return {
    type: 'consuming',
    id,
    subscription: 'sub-1',
    name: 'on-call',
    topic: 'host.metrics',
    filter: '',
    state: 'active',
    shards: [0],
    shardCount: 1,
    ackTimeoutMs: 30_000,
    maxInFlight: 100,
    ...overrides,
  };
}

/** A frame of partition 0 (or `overrides.partition`) with one event at index 0 of each offset; data is `{ n: offset }`. */
export function anEventsFrame(offsets: readonly number[], overrides: Partial<EventsFrame> = {}): EventsFrame {
  return {
    type: 'events',
    channel: 'ch',
    partition: 0,
    from: [(offsets[0] ?? 1) - 1, 0],
    to: [offsets.at(-1) ?? 0, 0],
    times: [1, 2, 3],
    events: offsets.map((offset) => ({ at: [offset, 0] as const, data: { n: offset } })),
    ...overrides,
  };
}
