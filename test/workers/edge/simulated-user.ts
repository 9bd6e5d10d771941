// Somebody who wants every event of a channel from some moment on: subscribes, keeps the position as a client library
// does, comes back with a token when closed, and in the end has a ledger to compare with what was produced.

import { CLOSE_CODES } from '../../../schemas/close-codes.ts';
import { type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { parseServerFrame } from '../../../schemas/frame-reader.ts';
import type { EventsFrame, GapFrame, SubscribedFrame, WireCursor } from '../../../schemas/frames.ts';
import { OPEN_IDENTITY } from '../../../schemas/identity/identity.ts';
import { decodeResumeToken, encodeResumeToken } from '../../../schemas/resume-token.ts';
import type { Client, FrameBytes } from '../../../workers/edge/client.ts';
import type { Delivery } from '../../../workers/edge/delivery.ts';
import type { Subscription } from '../../../workers/edge/subscription.ts';
import { TOPIC_ID } from './simulated-partition.ts';

const cursorOf = ([offset, index]: WireCursor): Cursor => ({ offset, index });

class SimulatedClient implements Client {
  readonly identity = OPEN_IDENTITY;
  readonly format = 'json';
  isThrottled: boolean;
  bufferedBytes = 0;
  isClosed = false;
  readonly subscriptions = new Set<Subscription>();
  readonly #onFrame: (text: string) => void;
  readonly #onClose: (closeCode: number) => void;

  constructor(isThrottled: boolean, onFrame: (text: string) => void, onClose: (closeCode: number) => void) {
    this.isThrottled = isThrottled;
    this.#onFrame = onFrame;
    this.#onClose = onClose;
  }

  send(frame: FrameBytes): void {
    if (!this.isClosed) this.#onFrame(typeof frame === 'string' ? frame : Buffer.from(frame).toString());
  }

  awaitRoom(): void {}

  onSubscriptionEnded({ id }: Pick<Subscription, 'id'>): void {
    for (const subscription of this.subscriptions) if (subscription.id === id) this.subscriptions.delete(subscription);
  }

  close(closeCode = 0): void {
    this.isClosed = true;
    this.#onClose(closeCode);
    for (const subscription of [...this.subscriptions]) subscription.end();
  }
}

export class SimulatedUser {
  readonly filter: string;
  /** Where the first subscription began; null until it was answered. */
  start: Map<number, Cursor> | null = null;
  readonly received = new Map<number, number[]>();
  /** Anything a correct edge never does. */
  readonly complaints: string[] = [];
  /** Ranges that it was told will never come. */
  readonly lost: { readonly partition: number; readonly from: Cursor; readonly to: Cursor }[] = [];
  /** How often it was closed because of a gap. */
  gapCloses = 0;
  readonly #delivery: Delivery;
  readonly #id: string;
  #position = new Map<number, Cursor>();
  #client: SimulatedClient | null = null;
  #isThrottled = false;
  #isLive = false;
  #isSubscribed = false;
  #channel = '';

  constructor(delivery: Delivery, id: string, filter: string) {
    this.#delivery = delivery;
    this.#id = id;
    this.filter = filter;
  }

  get isConnected(): boolean {
    return this.#client !== null && !this.#client.isClosed;
  }

  /** As the edge sees it too: the edge may replay for a subscription that was live. */
  get isLive(): boolean {
    const subscriptions = [...(this.#client?.subscriptions ?? [])];
    return this.isConnected && this.#isLive && subscriptions.every(({ state }) => state === 'live');
  }

  get position(): ReadonlyMap<number, Cursor> {
    return this.#position;
  }

  connect(): void {
    if (this.isConnected) return;
    const client = new SimulatedClient(
      this.#isThrottled,
      (text) => this.#onFrame(text),
      (closeCode) => {
        if (closeCode === CLOSE_CODES.GAP) this.gapCloses += 1;
      },
    );
    this.#client = client;
    this.#isLive = false;
    this.#isSubscribed = false;
    const resume =
      this.start === null ? {} : { resume: encodeResumeToken({ topicId: TOPIC_ID, position: this.#position }) };
    const message = { type: 'subscribe', id: this.#id, topic: 't', filter: this.filter, ...resume } as const;
    const subscription = this.#delivery.subscribe(client, message);
    if (subscription.state !== 'ended') client.subscriptions.add(subscription);
  }

  disconnect(): void {
    this.#client?.close();
  }

  /** Stops or goes on reading. */
  setSlow(isSlow: boolean): void {
    if (!this.#client) return;
    this.#client.bufferedBytes = isSlow ? 1_000_000 : 0;
    if (!isSlow) for (const { session } of [...this.#client.subscriptions]) session?.advance();
  }

  /** Its tenant has used up what it may get, or may get something again. */
  setThrottled(isThrottled: boolean): void {
    this.#isThrottled = isThrottled;
    if (this.#client) this.#client.isThrottled = isThrottled;
  }

  #onFrame(text: string): void {
    const frame = parseServerFrame(text);
    switch (frame?.type) {
      case 'subscribed': {
        if (this.#isSubscribed) {
          this.#onApart(frame);
          break;
        }
        this.#channel = frame.channel;
        const { position } = decodeResumeToken(frame.position);
        for (const [partition, cursor] of this.#position) {
          const told = position.get(partition);
          if (!told || compareCursors(told, cursor) !== 0) this.complaints.push(`token of ${partition} not kept`);
        }
        this.#position = new Map(position);
        this.start ??= new Map(position);
        this.#isSubscribed = true;
        this.#isLive = !frame.replaying;
        break;
      }
      case 'live':
        this.#isLive = true;
        break;
      case 'position':
        for (const [partition, cursor] of decodeResumeToken(frame.token).position) {
          const known = this.#position.get(partition);
          if (known && compareCursors(cursor, known) < 0) this.complaints.push('position went back');
          this.#position.set(partition, cursor);
        }
        break;
      case 'events':
        this.#onEvents(frame);
        break;
      case 'gap':
        this.#onGap(frame);
        break;
      case 'error':
        if (frame.retryable) this.#client?.close();
        else this.complaints.push(new MdsError(frame.code).message);
    }
  }

  /** The edge replays for it: shared frames are for others until `live`. */
  #onApart(frame: SubscribedFrame): void {
    if (!frame.replaying || !this.#isLive) this.complaints.push('answered twice');
    this.#isLive = false;
    for (const [partition, cursor] of decodeResumeToken(frame.position).position) {
      const known = this.#position.get(partition);
      if (!known) this.#position.set(partition, cursor);
    }
  }

  #onGap(frame: GapFrame): void {
    const [from, to] = [cursorOf(frame.from), cursorOf(frame.to)];
    const known = this.#position.get(frame.partition);
    if (known && compareCursors(from, known) < 0) this.complaints.push('a gap of what was received');
    this.lost.push({ partition: frame.partition, from, to });
    this.#position.set(frame.partition, to);
  }

  #onEvents(frame: EventsFrame): void {
    if (!this.#isSubscribed) this.complaints.push('events before the answer');
    if (frame.channel !== this.#channel) this.complaints.push('events of another channel');
    if (frame.sub === undefined && !this.#isLive) this.complaints.push('live events before live');
    const numbers = this.received.get(frame.partition) ?? [];
    const before = this.#position.get(frame.partition);
    if (before && compareCursors(cursorOf(frame.from), before) < 0) this.complaints.push('a frame overlaps');
    for (const { at, data } of frame.events) {
      if (before && compareCursors(cursorOf(at), before) <= 0) this.complaints.push(`event ${data} came twice`);
      numbers.push(Number(data));
    }
    this.received.set(frame.partition, numbers);
    this.#position.set(frame.partition, cursorOf(frame.to));
  }
}
