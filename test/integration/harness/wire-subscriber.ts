// A WebSocket client that knows nothing but the protocol: it collects frames and says which events each subscription was
// given. Used to see what the edge really sends, without the client library's help, and where a thousand are needed.

import { WebSocket } from 'ws';
import { decodeResumeToken } from '../../../schemas/resume-token.ts';
import type { ReceivedEvent } from './ledger.ts';
import { until } from './until.ts';

const SUBPROTOCOL = 'mds.v1.json';
const TIMEOUT_MS = 20_000;

/** A credential, in one of the ways in which it can be shown. */
export interface Shown {
  readonly header?: string;
  readonly subprotocol?: string;
  readonly message?: string;
}

interface Frame {
  readonly type: string;
  readonly id?: string;
  readonly [member: string]: unknown;
}

export interface WireSubscription {
  readonly id: string;
  readonly channel: string;
  readonly filter: string;
  /** Where it starts: exclusive, per partition. */
  readonly start: ReadonlyMap<number, { readonly offset: number; readonly index: number }>;
  readonly replaying: boolean;
  readonly received: ReceivedEvent[];
}

interface EventsFrame {
  readonly channel: string;
  readonly sub?: string;
  readonly partition: number;
  readonly events: readonly { readonly at: readonly [number, number]; readonly data: unknown }[];
}

export class WireSubscriber {
  /** Everything but events, in order. */
  readonly frames: Frame[] = [];
  readonly subscriptions = new Map<string, WireSubscription>();
  closeCode: number | null = null;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => this.#onMessage(JSON.parse(String(data))));
    socket.on('close', (code) => {
      this.closeCode = code;
    });
    socket.on('error', () => undefined); // 'close' follows and is what tests look at
  }

  /** Resolves with the welcome received. */
  static async connect(url: string, shown: Shown = {}): Promise<WireSubscriber> {
    const subscriber = WireSubscriber.knock(url, shown);
    await subscriber.frame('welcome');
    return subscriber;
  }

  /** Waits for nothing. */
  static knock(url: string, { header, subprotocol, message }: Shown = {}): WireSubscriber {
    const carrier = subprotocol === undefined ? [] : [`mds.auth.${Buffer.from(subprotocol).toString('base64url')}`];
    const headers: Record<string, string> = header === undefined ? {} : { authorization: `Bearer ${header}` };
    const socket = new WebSocket(url, [...carrier, SUBPROTOCOL], { headers });
    if (message !== undefined)
      socket.on('open', () => socket.send(JSON.stringify({ type: 'auth', credential: message })));
    return new WireSubscriber(socket);
  }

  send(message: unknown): void {
    this.#socket.send(JSON.stringify(message));
  }

  /** @throws Error when the edge answers with an error or closes */
  async subscribe(message: {
    readonly id: string;
    readonly topic: string;
    readonly filter?: string;
    readonly fields?: readonly string[] | undefined;
    readonly resume?: string;
  }): Promise<WireSubscription> {
    this.send({ type: 'subscribe', ...message });
    return until(`the edge to confirm subscription ${message.id}`, TIMEOUT_MS, () => {
      const error = this.frames.find(({ type, id }) => type === 'error' && id === message.id);
      if (error) throw new Error(`refused: ${JSON.stringify(error)}`);
      return this.subscriptions.get(message.id);
    });
  }

  /** The first frame of this type (for this id), now or later. */
  frame(type: string, id?: string): Promise<Frame> {
    return until(
      `a ${type} frame`,
      TIMEOUT_MS,
      () => this.frames.find((frame) => frame.type === type && (id === undefined || frame.id === id)),
      () => ({ closeCode: this.closeCode, frames: this.frames.slice(-5) }),
    );
  }

  get receivedCount(): number {
    let count = 0;
    for (const { received } of this.subscriptions.values()) count += received.length;
    return count;
  }

  close(): void {
    this.#socket.close(1000);
  }

  #onMessage(frame: Frame): void {
    if (frame.type === 'events')
      this.#onEvents(frame as unknown as EventsFrame); // the protocol's shape of that type
    else this.frames.push(frame);
    if (frame.type === 'subscribed') this.#onSubscribed(frame);
  }

  #onSubscribed(frame: Frame): void {
    const id = String(frame.id);
    this.subscriptions.set(id, {
      id,
      channel: String(frame.channel),
      filter: String(frame.filter),
      start: decodeResumeToken(String(frame.position)).position,
      replaying: frame.replaying === true,
      received: [],
    });
  }

  #onEvents({ channel, sub, partition, events }: EventsFrame): void {
    for (const subscription of this.subscriptions.values()) {
      if (sub === undefined ? subscription.channel !== channel : subscription.id !== sub) continue;
      for (const { at, data } of events) subscription.received.push({ partition, offset: at[0], index: at[1], data });
    }
  }
}
