// What the HTTP door's clients need of an edge, in virtual time, with a record of what they told it.

import type { Metrics } from '../../../../platform/metrics.ts';
import { createMetrics } from '../../../../platform/metrics.ts';
import type { SubscriptionView } from '../../../../schemas/connection-control.ts';
import type { SubscribedFrame } from '../../../../schemas/frames.ts';
import { type Identity, OPEN_IDENTITY } from '../../../../schemas/identity/identity.ts';
import { encodeResumeToken } from '../../../../schemas/resume-token.ts';
import type { ClientSubscription } from '../../../../workers/edge/client.ts';
import type { ClientOutput } from '../../../../workers/edge/client-output.ts';
import { Exchange } from '../../../../workers/edge/http/exchange.ts';
import type { HttpClient, HttpContext, HttpLimits, Seat } from '../../../../workers/edge/http/http-client.ts';
import { HttpTelemetry } from '../../../../workers/edge/http/http-telemetry.ts';
import { Outgoing } from '../../../../workers/edge/outgoing.ts';
import { anAccount } from '../an-identity.ts';
import { PlayedResponse, playedRequest } from './played-response.ts';

export const IDENTITY = OPEN_IDENTITY;
export const aSeat = (more: Partial<Seat> = {}): Seat => ({
  number: 1,
  identity: IDENTITY,
  account: anAccount(),
  ...more,
});
const TOPIC_ID = 7;

/** All microtasks and what they plan. */
export const flushed = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

export class HttpWorld {
  nowMs = 0;
  readonly closings: number[] = [];
  readonly errors: string[] = [];
  readonly closed: HttpClient[] = [];
  behind = 0;
  readonly metrics: Metrics = createMetrics('test');
  readonly context: HttpContext;
  readonly #timers = new Set<Timer>();

  constructor(limits: Partial<HttpLimits> = {}) {
    this.context = {
      edgeId: 'e',
      limits: {
        maxBufferedBytes: 200_000,
        keepAliveMs: 15_000,
        stallMs: 30_000,
        reconnectSpreadMs: 1000,
        pollBytes: 1000,
        lingerBytes: 2000,
        pollLingerMs: 5000,
        maxLingering: 2,
        ...limits,
      },
      outgoing: new Outgoing(),
      telemetry: new HttpTelemetry(this.metrics),
      now: () => this.nowMs,
      wallClock: () => this.nowMs,
      takeTurn: (_tenant, work) => work(),
      random: () => 0.5,
      onBehind: () => {
        this.behind += 1;
      },
      onClosing: (closeCode) => this.closings.push(closeCode),
      onError: ({ code }) => this.errors.push(code),
      onClosed: (client) => this.closed.push(client),
      onBytes: () => {},
    };
  }

  readonly later = (delayMs: number, run: () => void): (() => void) => {
    const timer = { atMs: this.nowMs + delayMs, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  };

  pass(ms: number): void {
    this.nowMs += ms;
    for (const timer of [...this.#timers]) if (timer.atMs <= this.nowMs && this.#timers.delete(timer)) timer.run();
  }

  get waitingTimers(): number {
    return this.#timers.size;
  }
}

export function anExchange(headers: Readonly<Record<string, string>> = {}): {
  readonly exchange: Exchange;
  readonly response: PlayedResponse;
} {
  const response = new PlayedResponse();
  return { response, exchange: new Exchange(response, playedRequest({ headers }), () => ({})) };
}

/** A subscription of one partition that a test speaks for. */
export class PlayedSubscription implements ClientSubscription {
  readonly id = 'events';
  isEnded = false;
  wantsRoom = false;
  advances = 0;
  readonly rechecked: Identity[] = [];
  #offset = -1;
  readonly #output: ClientOutput;

  constructor(output: ClientOutput) {
    this.#output = output;
  }

  view(): SubscriptionView {
    const counts = { deliveredEvents: 0, droppedEvents: 0, conflatedEvents: 0, inFlightEvents: 0, latencyMs: null };
    return { id: this.id, kind: 'shared', topic: 't', filter: '', channel: '', state: 'live', ...counts };
  }

  advance(): void {
    this.advances += 1;
  }

  end(): void {
    this.isEnded = true;
  }

  recheck(identity: Identity): void {
    this.rechecked.push(identity);
  }

  begin(replaying = false): this {
    const position = encodeResumeToken({ topicId: TOPIC_ID, position: new Map([[0, { offset: -1, index: 0 }]]) });
    const frame: SubscribedFrame = {
      ...{ type: 'subscribed', id: this.id, channel: '', topic: 't', filter: '', position, partitions: 1, replaying },
    };
    this.#output.say(frame);
    return this;
  }

  live(): void {
    this.#output.say({ type: 'live', id: this.id });
  }

  /** So many more events, each of about so many bytes. */
  give(count = 1, bytes = 0): void {
    const from = { offset: this.#offset, index: 0 };
    const events = Array.from({ length: count }, () => {
      this.#offset += 1;
      const event = { n: this.#offset, pad: 'x'.repeat(bytes) };
      return { cursor: { offset: this.#offset, index: 0 }, bytes: Buffer.from(JSON.stringify(event)) };
    });
    const to = { offset: this.#offset, index: 0 };
    const times = { recordMs: 0, publishedMs: 0, sentMs: 0 };
    this.#output.give({ channel: '', subscriptionId: this.id, partition: 0, from, to, ...times, events });
  }

  shed(count: number): void {
    const range = { partition: 0, from: [this.#offset, 0], to: [this.#offset + count, 0] } as const;
    this.#offset += count;
    this.#output.say({ type: 'shed', id: this.id, ...range, count, reason: 'dropped' });
  }

  fail(code: 'MDS_TOPIC_UNKNOWN' | 'MDS_JOIN_TIMEOUT'): void {
    const retryable = code === 'MDS_JOIN_TIMEOUT';
    this.#output.say({ type: 'error', id: this.id, code, message: 'why', retryable });
  }
}
