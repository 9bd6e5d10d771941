// One client connection: reads its messages, keeps its limits, queues its frames in order and closes it when it does not
// read them. Knows the socket only by the interface below.
//
// Frames of one tick are written together in one system call. A client whose unread bytes exceed the limit is closed and
// gets not one byte of a later frame: a frame behind a missing one would look like progress.

import { CLOSE_CODES, isResumable } from '../../schemas/close-codes.ts';
import { MdsError } from '../../schemas/errors.ts';
import {
  type ClientMessage,
  type ErrorFrame,
  type GoodbyeFrame,
  parseClientMessage,
  type ServerFrame,
  type SubscribeMessage,
} from '../../schemas/frames.ts';
import type { Client, FrameBytes } from './client.ts';
import type { Subscription } from './subscription.ts';
import type { TokenBucket } from './token-bucket.ts';

export interface Socket {
  /** Never blocks and never drops: what the network does not take is buffered. */
  send(frame: FrameBytes): void;
  bufferedBytes(): number;
  /** Runs `send`, whose sends become one system call where they fit. */
  cork(send: () => void): void;
  /** Sends a close frame behind what is buffered. */
  end(closeCode: number, reason: string): void;
}

export interface ConnectionLimits {
  readonly maxSubscriptions: number;
  readonly maxMessageBytes: number;
  readonly messagesPerSecond: number;
  /** Unread bytes at which a client counts as slow. */
  readonly maxBufferedBytes: number;
  /** Upper bound of the random wait before a client that was closed should come back. */
  readonly reconnectSpreadMs: number;
}

export interface ConnectionContext {
  readonly id: string;
  readonly edgeId: string;
  readonly socket: Socket;
  readonly limits: ConnectionLimits;
  readonly heartbeatMs: number;
  readonly bucket: TokenBucket;
  readonly subscribe: (
    client: Client,
    message: SubscribeMessage,
    onEnded: (ended: Subscription) => void,
  ) => Subscription;
  readonly now: () => number;
  readonly random: () => number;
  readonly onClosing: (closeCode: number) => void;
  readonly onBytes: (byteCount: number) => void;
  /** An error that is none of the closed list. @returns the reference under which it was logged */
  readonly onUnexpected: (error: unknown) => string;
}

/** 64 KiB: about what one system call takes anyway. */
const FLUSH_BYTES = 65_536;

export class Connection implements Client {
  readonly #context: ConnectionContext;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #queue: FrameBytes[] = [];
  #queuedBytes = 0;
  #isFlushPlanned = false;
  #isClosed = false;

  constructor(context: ConnectionContext) {
    this.#context = context;
  }

  get id(): string {
    return this.#context.id;
  }

  get bufferedBytes(): number {
    return this.#isClosed ? 0 : this.#queuedBytes + this.#context.socket.bufferedBytes();
  }

  welcome(): void {
    const { id, edgeId, heartbeatMs, limits } = this.#context;
    this.#sendFrame({
      type: 'welcome',
      connection: id,
      edge: edgeId,
      heartbeatMs,
      limits: {
        subscriptions: limits.maxSubscriptions,
        messageBytes: limits.maxMessageBytes,
        messagesPerSecond: limits.messagesPerSecond,
      },
    });
  }

  /** @param bytes valid only during the call */
  onMessage(bytes: Uint8Array, isBinary: boolean): void {
    if (this.#isClosed) return;
    const { limits, bucket, now } = this.#context;
    if (!bucket.take(now())) {
      this.close(CLOSE_CODES.RATE_LIMITED, new MdsError('MDS_RATE_LIMITED', { limit: limits.messagesPerSecond }));
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
    this.#handle(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
  }

  /** The client has read: what waits for room may go on. */
  onDrained(): void {
    for (const { session } of [...this.#subscriptions.values()]) session?.advance();
  }

  /** The socket is gone, whoever closed it. */
  onSocketClosed(): void {
    this.#isClosed = true;
    this.#endSubscriptions();
  }

  send(frame: FrameBytes): void {
    if (this.#isClosed) return;
    // What was not even offered to the network yet says nothing about the client.
    if (this.#queuedBytes > FLUSH_BYTES) this.#flush();
    if (this.#context.socket.bufferedBytes() > this.#context.limits.maxBufferedBytes) {
      this.close(CLOSE_CODES.SLOW_CONSUMER, new MdsError('MDS_SLOW_CONSUMER'));
      return;
    }
    this.#enqueue(frame);
  }

  close(closeCode: number, error: MdsError, edges: readonly string[] = []): void {
    if (this.#isClosed) return;
    const { code, message, retryable } = error;
    const frame: GoodbyeFrame | ErrorFrame = isResumable(closeCode)
      ? { type: 'goodbye', code, message, reconnectAfterMs: this.#reconnectAfterMs(), edges }
      : { type: 'error', code, message, retryable };
    this.#enqueue(JSON.stringify(frame));
    this.#flush();
    this.#isClosed = true;
    this.#endSubscriptions();
    this.#context.onClosing(closeCode);
    this.#context.socket.end(closeCode, code);
  }

  #handle(text: string): void {
    let id: string | undefined;
    try {
      const message = parseClientMessage(text);
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

  #answer(message: ClientMessage): void {
    switch (message.type) {
      case 'ping':
        this.#sendFrame({ type: 'pong', ...(message.id === undefined ? {} : { id: message.id }) });
        return;
      case 'unsubscribe':
        this.#unsubscribe(message.id);
        return;
      case 'subscribe':
        this.#subscribe(message);
    }
  }

  #subscribe(message: SubscribeMessage): void {
    const { id } = message;
    const { maxSubscriptions: limit } = this.#context.limits;
    if (this.#subscriptions.has(id)) throw new MdsError('MDS_SUBSCRIPTION_ID_IN_USE', { id });
    if (this.#subscriptions.size >= limit) throw new MdsError('MDS_TOO_MANY_SUBSCRIPTIONS', { limit });
    const subscription = this.#context.subscribe(this, message, () => this.#subscriptions.delete(id));
    if (subscription.state !== 'ended') this.#subscriptions.set(id, subscription);
  }

  #unsubscribe(id: string): void {
    const subscription = this.#subscriptions.get(id);
    if (!subscription) throw new MdsError('MDS_SUBSCRIPTION_UNKNOWN', { id });
    subscription.end();
    this.#sendFrame({ type: 'unsubscribed', id });
  }

  #sendError(error: unknown, id: string | undefined): void {
    const known =
      error instanceof MdsError
        ? error
        : new MdsError('MDS_INTERNAL', { reference: this.#context.onUnexpected(error) });
    const { code, message, retryable, details } = known;
    this.#sendFrame({ type: 'error', ...(id === undefined ? {} : { id }), code, message, retryable, details });
  }

  #sendFrame(frame: ServerFrame): void {
    this.send(JSON.stringify(frame));
  }

  #enqueue(frame: FrameBytes): void {
    this.#queue.push(frame);
    this.#queuedBytes += frame.length;
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    queueMicrotask(() => {
      this.#flush();
      // A client that takes everything at once never reports that it has drained.
      if (!this.#isClosed && this.#context.socket.bufferedBytes() === 0) this.onDrained();
    });
  }

  #flush(): void {
    this.#isFlushPlanned = false;
    if (this.#isClosed || this.#queue.length === 0) return;
    const { socket, onBytes } = this.#context;
    socket.cork(() => {
      for (const frame of this.#queue) socket.send(frame);
    });
    onBytes(this.#queuedBytes);
    this.#queue.length = 0;
    this.#queuedBytes = 0;
  }

  #endSubscriptions(): void {
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    for (const subscription of [...this.#subscriptions.values()]) subscription.end();
    this.#subscriptions.clear();
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
