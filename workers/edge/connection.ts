// One client connection: reads its messages, keeps its limits, queues its frames in order and closes it when it does not
// read them. Knows the socket only by the interface below.
//
// Frames of one moment are written together in one system call. A client whose unread bytes exceed the limit is closed and
// gets not one byte of a later frame: a frame behind a missing one would look like progress.

import { CLOSE_CODES, isResumable } from '../../schemas/close-codes.ts';
import type { SubscriptionView } from '../../schemas/connection-control.ts';
import { MdsError } from '../../schemas/errors.ts';
import { parseClientMessage } from '../../schemas/frame-reader.ts';
import type {
  AckMessage,
  AuthMessage,
  ClientMessage,
  ConsumeMessage,
  ErrorFrame,
  GoodbyeFrame,
  NackMessage,
  ServerFrame,
  ShownIdentity,
  SubscribeMessage,
} from '../../schemas/frames.ts';
import type { Identity } from '../../schemas/identity/identity.ts';
import type { PlanFormat } from '../../schemas/plan/plan.ts';
import type { AskingClient, ClientSubscription, FrameBytes } from './client.ts';
import type { ConnectionContext, ConnectionStart, Socket } from './connection-context.ts';
import { assertSameOwner, endOfIdentity, readsTheSame, shownIdentity } from './entry/identity-rules.ts';
import { HeldMessages } from './held-messages.ts';
import type { InspectedConnection } from './inspection/inspected.ts';
import { OpenSubscriptions } from './open-subscriptions.ts';
import type { Writable } from './outgoing.ts';
import type { TenantAccount } from './tenants/tenant-account.ts';
import { TokenBucket } from './token-bucket.ts';

export type { ConnectionContext, ConnectionLimits, Socket } from './connection-context.ts';

/** 64 KiB: about what one system call takes anyway. */
const FLUSH_BYTES = 65_536;

/** Enough for what was in flight when a client was cut off, one by one. */
const ACKNOWLEDGEMENT_BURST_SECONDS = 5;

/** Smaller frames fit into one packet anyway. */
const MIN_COMPRESSED_BYTES = 512;

// Thousands of connections are idle at a time: whatever only a busy one needs is made when it is needed.
export class Connection implements AskingClient, Writable, InspectedConnection {
  readonly format: PlanFormat;
  readonly openedAtMs = Date.now();
  /** Unique in the edge. */
  readonly number: number;
  readonly #context: ConnectionContext;
  readonly #socket: Socket;
  readonly #account: TenantAccount;
  #identity: Identity;
  /** Null while each message is done with at once. */
  #held: HeldMessages | null = null;
  #bucket: TokenBucket | null = null;
  /** For messages of all kinds; those that are no acknowledgements need a token of both. */
  #wideBucket: TokenBucket | null = null;
  readonly #subscriptions: OpenSubscriptions;
  /** The first frame that waits to be written; mostly it is the only one. */
  #first: FrameBytes | null = null;
  #others: FrameBytes[] | null = null;
  #queuedBytes = 0;
  #sentBytes = 0;
  /** The network did not take everything at the last write. */
  #isBehind = false;
  #isClosed = false;
  /** Some subscription waits for room, or did a moment ago. */
  isAwaitingRoom = false;

  constructor(context: ConnectionContext, socket: Socket, { number, format, identity, account }: ConnectionStart) {
    this.#context = context;
    this.#socket = socket;
    this.number = number;
    this.format = format;
    this.#identity = identity;
    this.#account = account;
    account.members.add(this);
    this.#subscriptions = new OpenSubscriptions(account);
  }

  get id(): string {
    return `${this.#context.edgeId}/${this.number}`;
  }

  get door(): string {
    return 'websocket';
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  views(): SubscriptionView[] {
    return this.#subscriptions.all.map((subscription) => subscription.view());
  }

  topics(): ReadonlySet<string> {
    return new Set(this.views().flatMap(({ topic }) => (topic === '' ? [] : [topic])));
  }

  get identity(): Identity {
    return this.#identity;
  }

  get isThrottled(): boolean {
    return this.#account.isThrottled;
  }

  /** Network address of the client; empty when the socket is gone. */
  get peer(): string {
    if (this.#isClosed || !this.#socket.getRemoteAddressAsText) return '';
    return Buffer.from(this.#socket.getRemoteAddressAsText()).toString('latin1');
  }

  get bufferedBytes(): number {
    if (this.#isClosed) return 0;
    return this.#queuedBytes + (this.#isBehind ? this.#socket.getBufferedAmount() : 0);
  }

  welcome(): void {
    const { edgeId, heartbeatMs, limits } = this.#context;
    this.#sendFrame({
      type: 'welcome',
      connection: this.id,
      edge: edgeId,
      heartbeatMs,
      limits: {
        subscriptions: limits.maxSubscriptions,
        messageBytes: limits.maxMessageBytes,
        messagesPerSecond: limits.messagesPerSecond,
      },
      ...(this.#identity.kind === 'open' ? {} : { identity: this.#shownIdentity() }),
    });
  }

  /** What it may do has changed, or it has shown a new credential of the same owner: nothing that goes on is disturbed. */
  changeIdentity(identity: Identity): void {
    const before = this.#identity;
    this.#identity = identity;
    if (this.#isClosed || readsTheSame(before, identity)) return;
    for (const subscription of this.#subscriptions.all) {
      this.#context.takeTurn(this.#identity.tenant, () => {
        if (!subscription.isEnded) subscription.recheck(this.#identity);
      });
    }
  }

  /** It is nobody any more. */
  endIdentity(): void {
    const { closeCode, error } = endOfIdentity(this.#identity, this.#context.wallClock());
    this.close(closeCode, error);
  }

  /** @param bytes valid only during the call */
  onMessage(bytes: Uint8Array, isBinary: boolean): void {
    if (this.#isClosed) return;
    const { limits, now } = this.#context;
    const perSecond = limits.acknowledgementsPerSecond + limits.messagesPerSecond;
    const burst = limits.acknowledgementsPerSecond * ACKNOWLEDGEMENT_BURST_SECONDS + limits.messageBurst;
    this.#wideBucket ??= new TokenBucket(perSecond, burst, now());
    if (!this.#wideBucket.take(now())) {
      this.#closeAsTooFast(limits.acknowledgementsPerSecond);
      return;
    }
    if (bytes.length > limits.maxMessageBytes) {
      const problems = [`a message may have ${limits.maxMessageBytes} bytes, this one has ${bytes.length}`];
      this.close(CLOSE_CODES.MESSAGE_TOO_LARGE, new MdsError('MDS_REQUEST_INVALID', { problems }));
      return;
    }
    if (isBinary) {
      const reason = 'messages of this subprotocol are text';
      this.close(CLOSE_CODES.PROTOCOL, new MdsError('MDS_FRAME_CORRUPT', { reason }));
      return;
    }
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
    if (this.#held === null) this.#handle(text);
    else if (!this.#held.push(text)) this.#closeAsTooFast(limits.messagesPerSecond);
  }

  charge(id: string, cost: number): void {
    this.#subscriptions.charge(id, cost);
  }

  refuse(id: string, error: unknown): void {
    this.#sendError(error, id);
  }

  onSubscriptionEnded({ id }: Pick<ClientSubscription, 'id'>): void {
    this.#subscriptions.delete(id);
  }

  awaitRoom(): void {
    this.isAwaitingRoom = true;
  }

  /** The client has read: what waits for room may go on. */
  onDrained(): void {
    if (this.#isClosed) return;
    this.#isBehind = this.#socket.getBufferedAmount() > 0;
    this.#advance();
  }

  /** A client that takes everything at once never reports that it has drained. */
  onWritten(): void {
    if (!this.#isClosed && !this.#isBehind) this.#advance();
  }

  /** The socket is gone, whoever closed it. */
  onSocketClosed(): void {
    this.#isClosed = true;
    this.#endSubscriptions();
    this.#account.members.delete(this);
    this.#context.onClosed(this);
  }

  send(frame: FrameBytes, eventCount = 0): void {
    if (this.#isClosed) return;
    this.#account.deliveries += eventCount;
    // What was not even offered to the network yet says nothing about the client.
    if (this.#queuedBytes > FLUSH_BYTES) this.flush();
    if (this.#isBehind && this.#socket.getBufferedAmount() > this.#context.limits.maxBufferedBytes) {
      this.close(CLOSE_CODES.SLOW_CONSUMER, new MdsError('MDS_SLOW_CONSUMER'));
      return;
    }
    this.#enqueue(frame);
  }

  flush(): void {
    const first = this.#first;
    if (this.#isClosed || first === null) return;
    const wasBehind = this.#isBehind;
    const others = this.#others;
    if (others === null || others.length === 0) {
      this.#isBehind = this.#write(first) !== 1;
    } else {
      this.#socket.cork(() => {
        this.#write(first);
        for (const frame of others) this.#write(frame);
      });
      // A write that fails closes the socket, which may not be asked anything then.
      this.#isBehind = !this.#isClosed && this.#socket.getBufferedAmount() > 0;
      others.length = 0;
    }
    if (this.#isBehind && !wasBehind) this.#context.onBehind(this);
    this.#account.bytes += this.#queuedBytes;
    this.#context.onBytes(this.#queuedBytes);
    this.#sentBytes += this.#queuedBytes;
    this.#first = null;
    this.#queuedBytes = 0;
  }

  /** @param edges where to go instead, best first */
  close(closeCode: number, error: MdsError, edges: readonly string[] = []): void {
    if (this.#isClosed) return;
    const { code, message, retryable } = error;
    const frame: GoodbyeFrame | ErrorFrame = isResumable(closeCode)
      ? { type: 'goodbye', code, message, reconnectAfterMs: this.#reconnectAfterMs(), edges }
      : { type: 'error', code, message, retryable };
    this.#context.onError(error, this);
    this.#enqueue(JSON.stringify(frame));
    this.flush();
    this.#isClosed = true;
    this.#endSubscriptions();
    this.#context.onClosing(closeCode, this);
    this.#socket.end(closeCode, code);
  }

  #handle(text: string): void {
    let id: string | undefined;
    try {
      const message = this.#parse(text);
      if (message === null) return;
      id = message.id;
      this.#answer(message);
    } catch (error) {
      if (error instanceof MdsError && error.code === 'MDS_FRAME_CORRUPT') {
        this.close(CLOSE_CODES.PROTOCOL, error);
        return;
      }
      this.#sendError(error, id ?? idIn(text));
    }
  }

  /** @returns null when it was one message too many */
  #parse(text: string): ClientMessage | null {
    let message: ClientMessage;
    try {
      message = parseClientMessage(text);
    } catch (error) {
      if (!this.#takeToken()) return null;
      throw error;
    }
    const isAcknowledgement = message.type === 'ack' || message.type === 'nack';
    return isAcknowledgement || this.#takeToken() ? message : null;
  }

  #takeToken(): boolean {
    const { limits, now } = this.#context;
    this.#bucket ??= new TokenBucket(limits.messagesPerSecond, limits.messageBurst, now());
    if (this.#bucket.take(now())) return true;
    this.#closeAsTooFast(limits.messagesPerSecond);
    return false;
  }

  #closeAsTooFast(limit: number): void {
    this.close(CLOSE_CODES.RATE_LIMITED, new MdsError('MDS_RATE_LIMITED', { limit, what: 'messages a second' }));
  }

  #answer(message: ClientMessage): void {
    switch (message.type) {
      case 'ping':
        this.#sendFrame({ type: 'pong', ...(message.id === undefined ? {} : { id: message.id }) });
        return;
      case 'unsubscribe':
        this.#unsubscribe(message.id);
        return;
      case 'ack':
      case 'nack':
        this.#acknowledge(message);
        return;
      case 'auth':
        this.#authenticate(message);
        return;
      case 'subscribe':
      case 'consume':
        this.#takeTurn(message);
    }
  }

  /** Frames go on meanwhile, as they were; messages behind it wait. */
  #authenticate({ credential }: AuthMessage): void {
    this.#hold();
    this.#context
      .authenticate(credential)
      .then((identity) => {
        if (this.#isClosed) return;
        assertSameOwner(this.#identity, identity);
        this.changeIdentity(identity);
        this.#sendFrame({ type: 'authenticated', ...this.#shownIdentity() });
      })
      .catch((error) => {
        const isRefused = error instanceof MdsError && error.code === 'MDS_UNAUTHENTICATED';
        if (isRefused) this.close(CLOSE_CODES.UNAUTHENTICATED, error);
        else this.#sendError(error, undefined);
      })
      .finally(() => this.#release());
  }

  /** What a subscribe costs is shared fairly between tenants; messages behind one that waits for its turn wait too. */
  #takeTurn(message: SubscribeMessage | ConsumeMessage): void {
    let isHeld = false;
    const isDone = this.#context.takeTurn(this.#identity.tenant, () => {
      if (!this.#isClosed) this.#trySubscribe(message);
      if (isHeld) this.#release();
    });
    if (isDone) return;
    isHeld = true;
    this.#hold();
  }

  #trySubscribe(message: SubscribeMessage | ConsumeMessage): void {
    try {
      this.#subscribe(message);
    } catch (error) {
      this.#sendError(error, message.id);
    }
  }

  #hold(): void {
    const { maxMessageBytes, messageBurst } = this.#context.limits;
    this.#held = new HeldMessages(messageBurst, maxMessageBytes);
  }

  /** What waited is handled, up to the next that makes others wait. */
  #release(): void {
    let held = this.#held;
    this.#held = null;
    while (held !== null && !this.#isClosed) {
      const text = held.shift();
      if (text === undefined) return;
      this.#handle(text);
      const next: HeldMessages | null = this.#held;
      if (next === null) continue;
      this.#held = held; // the rest stands behind the one that waits now
      held = null;
    }
  }

  #subscribe(message: SubscribeMessage | ConsumeMessage): void {
    const { id } = message;
    const { maxSubscriptions: limit } = this.#context.limits;
    const subscriptions = this.#subscriptions;
    if (subscriptions.has(id)) throw new MdsError('MDS_SUBSCRIPTION_ID_IN_USE', { id });
    if (subscriptions.size >= limit) throw new MdsError('MDS_TOO_MANY_SUBSCRIPTIONS', { limit });
    this.#account.admitSubscription(this.#context.now());
    if (message.type === 'subscribe' && message.resume !== undefined) this.awaitRoom();
    const subscription = subscriptions.begin(id, () => this.#context.subscribe(this, message));
    if (subscription.isEnded) return;
    if (this.#isClosed) {
      subscription.end(); // the answer was too much for it
      return;
    }
    subscriptions.set(id, subscription);
  }

  #acknowledge(message: AckMessage | NackMessage): void {
    const { id } = message;
    const subscription = this.#subscriptions.get(id);
    if (!subscription) throw new MdsError('MDS_SUBSCRIPTION_UNKNOWN', { id });
    if (!subscription.onAcknowledgement) throw new MdsError('MDS_NOT_DURABLE', { id });
    subscription.onAcknowledgement(message);
  }

  #unsubscribe(id: string): void {
    const subscription = this.#subscriptions.get(id);
    if (!subscription) throw new MdsError('MDS_SUBSCRIPTION_UNKNOWN', { id });
    this.#context.unsubscribe(subscription);
    this.#sendFrame({ type: 'unsubscribed', id });
  }

  #sendError(error: unknown, id: string | undefined): void {
    const known =
      error instanceof MdsError
        ? error
        : new MdsError('MDS_INTERNAL', { reference: this.#context.onUnexpected(error) });
    this.#context.onError(known, this);
    const { code, message, retryable, details } = known;
    this.#sendFrame({ type: 'error', ...(id === undefined ? {} : { id }), code, message, retryable, details });
  }

  #sendFrame(frame: ServerFrame): void {
    this.send(JSON.stringify(frame));
  }

  #enqueue(frame: FrameBytes): void {
    this.#queuedBytes += frame.length;
    if (this.#first === null) {
      this.#first = frame;
      this.#context.outgoing.mark(this);
    } else {
      this.#others ??= [];
      this.#others.push(frame);
    }
  }

  #write(frame: FrameBytes): number {
    const isText = typeof frame === 'string' || this.format === 'json';
    const compress = this.#context.limits.compresses && frame.length >= MIN_COMPRESSED_BYTES;
    return this.#socket.send(frame, !isText, compress);
  }

  #advance(): void {
    if (!this.isAwaitingRoom) return;
    this.isAwaitingRoom = false;
    for (const subscription of this.#subscriptions.all) {
      if (!subscription.wantsRoom) continue;
      this.isAwaitingRoom = true;
      subscription.advance();
    }
  }

  #endSubscriptions(): void {
    this.#first = null;
    this.#others = null;
    this.#queuedBytes = 0;
    for (const subscription of this.#subscriptions.all) subscription.end();
    this.#held = null;
  }

  #shownIdentity(): ShownIdentity {
    return shownIdentity(this.#identity, this.#context.wallClock());
  }

  #reconnectAfterMs(): number {
    return Math.round(this.#context.random() * this.#context.limits.reconnectSpreadMs);
  }
}

/** The id of a message that is not valid otherwise, so that the client knows which of its requests failed. */
function idIn(text: string): string | undefined {
  const value: unknown = JSON.parse(text);
  return typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string'
    ? value.id
    : undefined;
}
