// One client's part in a durable subscription: gives it the events of the shards that are led on its behalf, and takes its
// acknowledgements to them.

import { randomBytes } from 'node:crypto';
import type { SubscriptionView } from '../../../schemas/connection-control.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type {
  AckMessage,
  ConsumeMessage,
  ConsumingFrame,
  ErrorFrame,
  NackMessage,
  ServerFrame,
  WireEventCursor,
} from '../../../schemas/frames.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import type { Client, ClientSubscription } from '../client.ts';
import { followedFrame } from '../followed-frame.ts';
import type { LostRange } from '../follower.ts';
import { gapFrame } from '../replay-output.ts';
import { smoothed } from '../smoothed-latency.ts';
import type { InFlight } from './in-flight.ts';
import type { ShardLead } from './shard-lead.ts';
import type { LocalConsumer } from './shard-store.ts';
import { StoredAnswers } from './stored-answers.ts';
import { goesOn, justBefore } from './wire-cursor.ts';

/** Longer than a dead owner's lease lasts. */
const EARLY_MS = 10_000;
const MAX_EARLY = 100;

export interface ConsumerContext {
  readonly edgeId: string;
  readonly lowWaterBytes: number;
  readonly frameBytes: number;
  /** A clock that never goes back. */
  readonly now: () => number;
  /** ms since 1970. */
  readonly wallClock: () => number;
}

/** What a consumer's frames say of its subscription. */
export type Consuming = Omit<ConsumingFrame, 'type' | 'id' | 'shards' | 'maxInFlight'> & {
  readonly maxInFlight: number;
};

/** Whom a consumer tells. */
export interface ConsumerHost {
  /** There is room: shards may take more. */
  onRoom(consumer: Consumer): void;
  /** Its client's identity has changed. */
  recheck(consumer: Consumer, identity: Identity): void;
  onEnded(consumer: Consumer): void;
}

export class Consumer implements ClientSubscription, LocalConsumer {
  readonly id: string;
  readonly consumer: string;
  readonly edgeId: string;
  /** Unique: a client may consume under one name in two subscriptions of one connection. */
  readonly connection = randomBytes(6).toString('hex');
  /** By Redis' clock; 0 until it was asked. */
  joinedMs = 0;
  connectedMs = 0;
  /** Whom it belongs to; null until its subscription is found. */
  host: ConsumerHost | null = null;
  channel = '';
  /** Of all its shards together. */
  readonly maxInFlight: number;
  readonly leads = new Map<number, ShardLead>();
  readonly #client: Client;
  readonly #context: ConsumerContext;
  readonly #answers = new StoredAnswers();
  /** What a client that has just come back says of the connection before: its shards are still on their way to it. */
  #early: (AckMessage | NackMessage)[] = [];
  #earlySinceMs: number | null = null;
  #isEnded = false;
  #isPaused = false;
  #wantsRoom = false;
  #lastConsuming = '';
  /** What it takes part in; null until that is found. */
  #consuming: Pick<Consuming, 'topic' | 'filter' | 'state'> | null = null;
  #deliveredEvents = 0;
  #latencyMs: number | null = null;

  constructor(context: ConsumerContext, client: Client, message: ConsumeMessage) {
    this.#context = context;
    this.#client = client;
    this.id = message.id;
    this.consumer = message.consumer;
    this.edgeId = context.edgeId;
    this.maxInFlight = message.maxInFlight ?? Number.POSITIVE_INFINITY;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get wantsRoom(): boolean {
    return this.#wantsRoom;
  }

  view(): SubscriptionView {
    const { topic, filter, state } = this.#consuming ?? { topic: '', filter: '', state: 'standby' };
    return {
      id: this.id,
      kind: 'durable',
      topic,
      filter,
      channel: this.channel,
      state: state === 'active' ? 'live' : state === 'paused' ? 'paused' : 'waiting',
      deliveredEvents: this.#deliveredEvents,
      droppedEvents: 0,
      conflatedEvents: 0,
      inFlightEvents: this.inFlightCount,
      latencyMs: this.#latencyMs,
    };
  }

  get inFlightCount(): number {
    let count = 0;
    for (const { book } of this.leads.values()) count += book.inFlightCount;
    return count;
  }

  get identity(): Identity {
    return this.#client.identity;
  }

  get isFull(): boolean {
    return this.inFlightCount >= this.maxInFlight;
  }

  advance(): void {
    this.pump();
    if (!this.#wantsRoom) this.host?.onRoom(this);
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#client.onSubscriptionEnded(this);
    this.host?.onEnded(this);
  }

  recheck(identity: Identity): void {
    this.host?.recheck(this, identity);
  }

  /** Ends it, and says why. */
  fail(error: MdsError): void {
    if (this.#isEnded) return;
    this.end();
    this.#sendError(error);
  }

  readonly onAcknowledgement = (message: AckMessage | NackMessage): void => {
    if (this.leads.size > 0) {
      this.#take(message);
      return;
    }
    this.#early.push(message);
    this.#earlySinceMs ??= this.#context.now();
    if (this.#early.length > MAX_EARLY) this.#refuseEarly();
  };

  /** It has shards now: what it said before is about them. */
  onShards(): void {
    const early = this.#early;
    this.#early = [];
    this.#earlySinceMs = null;
    for (const message of early) this.#take(message);
  }

  tick(nowMs: number): void {
    if (this.#earlySinceMs !== null && nowMs - this.#earlySinceMs > EARLY_MS) this.#refuseEarly();
  }

  #take(message: AckMessage | NackMessage): void {
    const touched = new Set<ShardLead>();
    const nowMs = this.#context.now();
    if (message.type === 'ack') {
      const { upTo = [], cursors = [] } = message;
      this.#answer(upTo, touched, ({ book }, partition, cursor) => book.acknowledgeUpTo(partition, cursor));
      this.#answer(cursors, touched, ({ book }, partition, cursor) => book.acknowledge(partition, cursor));
    } else {
      const { cursors, reason = '', delayMs = null } = message;
      this.#answer(cursors, touched, ({ book }, partition, cursor) =>
        book.reject(partition, cursor, reason, delayMs, nowMs),
      );
    }
    for (const lead of touched) lead.touch();
    if (message.seq !== undefined) {
      // An earlier message may have said the same: what it changed must be stored too.
      const needs = [...this.leads.values()].map((lead) => [lead, lead.version] as const);
      this.#answers.add(message.seq, needs);
      this.tellStored();
    }
    this.host?.onRoom(this);
  }

  /** Says what is stored by now. */
  tellStored(): void {
    const settled = this.#answers.settle();
    if (settled === null) return;
    if (settled.lost !== null) this.#sendError(new MdsError('MDS_ACK_NOT_STORED', settled.lost));
    if (settled.acked !== null) this.#send({ type: 'acked', id: this.id, seq: settled.acked });
  }

  tellLost(range: LostRange): void {
    this.#send(gapFrame(this.id, range));
  }

  /** Tells what it takes part in, unless it knows. */
  tellConsuming({ maxInFlight, ...consuming }: Consuming): void {
    this.#isPaused = consuming.state === 'paused';
    this.#consuming = consuming;
    const frame: ConsumingFrame = {
      type: 'consuming',
      id: this.id,
      ...consuming,
      shards: [...this.leads.keys()].sort((a, b) => a - b),
      maxInFlight: Math.min(maxInFlight * consuming.shardCount, this.maxInFlight),
    };
    const text = JSON.stringify(frame);
    if (text === this.#lastConsuming || this.#isEnded) return;
    this.#lastConsuming = text;
    this.#client.send(text);
  }

  /** Sends what is ready while the client has room. */
  pump(): void {
    this.#wantsRoom = false;
    if (this.#isEnded || this.#isPaused) return;
    for (const lead of this.leads.values()) {
      while (lead.mayDeliver(this.#context.now()) && lead.book.nextReady() !== null) {
        if (this.#client.isThrottled || this.#client.bufferedBytes >= this.#context.lowWaterBytes) {
          this.#wantsRoom = true;
          this.#client.awaitRoom();
          return;
        }
        this.#sendFrame(lead);
        if (this.#isEnded) return; // sending may have closed the client
      }
    }
  }

  #sendFrame(lead: ShardLead): void {
    const entries: InFlight[] = [];
    let byteLength = 0;
    const nowMs = this.#context.now();
    for (let entry = lead.book.nextReady(); entry !== null; entry = lead.book.nextReady()) {
      const last = entries.at(-1);
      if (last && (!goesOn(last, entry) || byteLength + entry.bytes.length > this.#context.frameBytes)) break;
      lead.book.markSent(entry, nowMs);
      entries.push(entry);
      byteLength += entry.bytes.length;
    }
    const [first] = entries;
    if (!first) return;
    lead.touch();
    const isFirst = entries.every(({ attempts }) => attempts === 1);
    const recordMs = Math.min(...entries.map((entry) => entry.recordMs));
    const sentMs = this.#context.wallClock();
    this.#deliveredEvents += entries.length;
    this.#latencyMs = smoothed(this.#latencyMs, recordMs, sentMs);
    this.#client.send(
      followedFrame('json', {
        channel: this.channel,
        subscriptionId: this.id,
        partition: first.partition,
        from: first.attempts === 1 && !first.isRedrive ? first.before : justBefore(first.cursor),
        to: (entries.at(-1) ?? first).cursor,
        recordMs,
        publishedMs: first.publishedMs,
        sentMs,
        events: entries,
        ...(isFirst ? {} : { attempts: entries.map(({ attempts }) => attempts) }),
      }),
      entries.length,
    );
  }

  #answer(
    cursors: readonly WireEventCursor[],
    touched: Set<ShardLead>,
    apply: (lead: ShardLead, partition: number, cursor: InFlight['cursor']) => boolean,
  ): void {
    for (const [partition, offset, index] of cursors) {
      for (const lead of this.leads.values()) if (apply(lead, partition, { offset, index })) touched.add(lead);
    }
  }

  /** Nobody gave it the shards that it speaks of. */
  #refuseEarly(): void {
    const seq = Math.max(...this.#early.map((message) => message.seq ?? 0));
    this.#early = [];
    this.#earlySinceMs = null;
    this.#sendError(new MdsError('MDS_ACK_NOT_STORED', { seq, shards: [] }));
  }

  #sendError({ code, message, retryable, details }: MdsError): void {
    const frame: ErrorFrame = { type: 'error', id: this.id, code, message, retryable, details };
    this.#send(frame);
  }

  #send(frame: ServerFrame): void {
    this.#client.send(JSON.stringify(frame));
  }
}
