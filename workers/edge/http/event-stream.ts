// One open event stream: queues messages in order, writes those of one moment together, keeps what the network does not take
// to a limit, and closes a client that does not read. Its only subscription begins it, and ends it.
//
//   message ─▶ queue ─▶ network, until it takes no more; the rest of that piece is kept below us
//                └─ behind: waits until there is room again ──▶ on, or too much: goodbye, the reader resumes by its last id

import { CLOSE_CODES, isResumable } from '../../../schemas/close-codes.ts';
import type { SubscriptionView } from '../../../schemas/connection-control.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import type { ClientSubscription } from '../client.ts';
import type { ClientOutput, SpokenClient } from '../client-output.ts';
import { endOfIdentity } from '../entry/identity-rules.ts';
import type { Writable } from '../outgoing.ts';
import type { TenantAccount } from '../tenants/tenant-account.ts';
import { httpUrlOfEdge } from './edge-url.ts';
import { SUBSCRIPTION_ID } from './events-request.ts';
import type { Exchange } from './exchange.ts';
import { HeldSubscription } from './held-subscription.ts';
import { type Failure, type HttpClient, type HttpContext, retryMs, type Seat } from './http-client.ts';
import { answerProblem, STREAM_HEADERS } from './problem-answer.ts';
import { KEEP_ALIVE, retryLine, streamMessage } from './stream-message.ts';
import { StreamOutput, type StreamSink } from './stream-output.ts';

/** 64 KiB: about what one system call takes anyway, and all that can be kept below us. */
const PIECE_BYTES = 65_536;

export class EventStream implements SpokenClient, HttpClient, Writable, StreamSink {
  readonly format = 'json';
  readonly door = 'sse';
  readonly id: string;
  readonly number: number;
  readonly openedAtMs = Date.now();
  readonly output: ClientOutput = new StreamOutput(this);
  readonly #context: HttpContext;
  readonly #exchange: Exchange;
  readonly #account: TenantAccount;
  readonly #subscription: HeldSubscription;
  #identity: Identity;
  #queue: (Buffer | string)[] = [];
  #queuedBytes = 0;
  /** Of a piece that the network did not take whole; 0: it takes more. */
  #keptBytes = 0;
  #isBegun = false;
  #isOver = false;
  #isMarked = false;
  #wroteMs: number;
  #sentBytes = 0;
  /** Some subscription waits for room, or did a moment ago. */
  isAwaitingRoom = false;

  constructor(context: HttpContext, exchange: Exchange, { number, identity, account }: Seat) {
    this.#context = context;
    this.#exchange = exchange;
    this.#identity = identity;
    this.#account = account;
    this.#subscription = new HeldSubscription(account);
    account.members.add(this);
    this.number = number;
    this.id = `${context.edgeId}/${number}`;
    this.#wroteMs = context.now();
    exchange.onGone(() => this.#finish());
  }

  get identity(): Identity {
    return this.#identity;
  }

  get isThrottled(): boolean {
    return this.#account.isThrottled;
  }

  get peer(): string {
    return this.#exchange.peer;
  }

  get bufferedBytes(): number {
    return this.#isOver ? 0 : this.#queuedBytes + this.#keptBytes;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  views(): SubscriptionView[] {
    return this.#subscription.views();
  }

  topics(): ReadonlySet<string> {
    return new Set(this.views().map(({ topic }) => topic));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** @param subscribe begins its subscription. Throws what makes that impossible: nothing has begun then */
  start(subscribe: () => ClientSubscription): void {
    try {
      this.#subscription.begin(SUBSCRIPTION_ID, subscribe, () => this.#isOver);
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      this.fail(error);
    }
  }

  begin(): void {
    if (this.#isBegun || this.#isOver) return;
    this.#isBegun = true;
    this.#exchange.begin(200, STREAM_HEADERS, () => this.#onWritable());
    this.#context.telemetry.onAnswer('events', 200);
    this.message(`${retryLine(retryMs(this.#context))}\n`);
  }

  message(message: Buffer | string): void {
    if (this.#isOver) return;
    if (this.#keptBytes === 0 && this.#queuedBytes > PIECE_BYTES) this.flush();
    if (this.#keptBytes > 0 && this.bufferedBytes > this.#context.limits.maxBufferedBytes) {
      this.close(CLOSE_CODES.SLOW_CONSUMER, new MdsError('MDS_SLOW_CONSUMER'));
      return;
    }
    this.#queue.push(message);
    this.#queuedBytes += message.length;
    if (this.#isMarked || this.#keptBytes > 0) return;
    this.#isMarked = true;
    this.#context.outgoing.mark(this);
  }

  flush(): void {
    this.#isMarked = false;
    if (this.#isOver || !this.#isBegun || this.#keptBytes > 0 || this.#queue.length === 0) return;
    this.#write();
    if (this.#keptBytes > 0) this.#context.onBehind(this);
  }

  onWritten(): void {
    if (this.#keptBytes === 0) this.#advance();
  }

  awaitRoom(): void {
    this.isAwaitingRoom = true;
  }

  charge(id: string, cost: number): void {
    this.#subscription.charge(id, cost);
  }

  onEvents(count: number): void {
    this.#account.deliveries += count;
  }

  onSubscriptionEnded(subscription: Pick<ClientSubscription, 'id'>): void {
    this.#subscription.forget(subscription);
  }

  changeIdentity(identity: Identity): void {
    const before = this.#identity;
    this.#identity = identity;
    this.#subscription.recheck(before, identity, this.#context.takeTurn);
  }

  endIdentity(): void {
    const { closeCode, error } = endOfIdentity(this.#identity, this.#context.wallClock());
    this.close(closeCode, error);
  }

  tick(nowMs: number): void {
    const { keepAliveMs, stallMs } = this.#context.limits;
    if (this.#isOver || !this.#isBegun) return;
    const silenceMs = nowMs - this.#wroteMs;
    if (this.#keptBytes > 0) {
      if (silenceMs > stallMs) this.close(CLOSE_CODES.SLOW_CONSUMER, new MdsError('MDS_SLOW_CONSUMER'));
    } else if (silenceMs >= keepAliveMs) {
      this.message(KEEP_ALIVE);
    }
  }

  /** The subscription has ended with an error, or could not begin. */
  fail(error: Failure): void {
    if (this.#isOver) return;
    this.#context.onError(error, this);
    const { code, message, retryable, details } = error;
    if (this.#isBegun) {
      const after = retryable ? retryLine(retryMs(this.#context)) : '';
      this.#end(`${after}${streamMessage('error', { code, message, retryable, details })}`, code);
    } else {
      this.#refuse(error instanceof MdsError ? error : new MdsError(code, details));
    }
  }

  /** As for a connection: whoever may come back is told when and where. */
  close(closeCode: number, error: MdsError, edges: readonly string[] = []): void {
    if (this.#isOver) return;
    this.#context.onClosing(closeCode, this);
    if (this.#isBegun && isResumable(closeCode)) {
      this.#context.onError(error, this);
      const { code, message } = error;
      const afterMs = retryMs(this.#context);
      const data = { code, message, reconnectAfterMs: afterMs, edges: edges.map(httpUrlOfEdge) };
      this.#end(`${retryLine(afterMs)}${streamMessage('goodbye', data)}`, code);
    } else {
      this.fail(error);
    }
  }

  /** What waits is left out for a client that does not read; it is whole messages, and the reader's id is before them. */
  #end(words: string, code: string): void {
    if (this.#keptBytes === 0) this.flush();
    this.#context.telemetry.onStreamEnded(code);
    this.#exchange.end(words);
    this.#finish();
  }

  #refuse(error: MdsError): void {
    this.#context.telemetry.onAnswer('events', error.status);
    answerProblem(this.#exchange, error);
    this.#finish();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#subscription.end();
    this.#account.members.delete(this);
    this.#context.onClosed(this);
  }

  /** The network has room, but what is kept goes on only when something is written behind it. */
  #onWritable(): void {
    if (this.#queue.length === 0) this.#push(KEEP_ALIVE);
    this.#write();
    if (this.#keptBytes === 0) this.#advance();
  }

  #push(message: string): void {
    this.#queue.push(message);
    this.#queuedBytes += message.length;
  }

  #write(): void {
    const before = this.#queuedBytes;
    this.#wroteMs = this.#context.now();
    this.#keptBytes = this.#exchange.write(() => this.#nextPiece());
    this.#sentBytes += before - this.#queuedBytes;
    this.#account.bytes += before - this.#queuedBytes;
    this.#context.onBytes(before - this.#queuedBytes);
  }

  /** Whole messages, so that nothing is torn when the rest is given up. */
  #nextPiece(): Buffer | null {
    let bytes = 0;
    let count = 0;
    for (const message of this.#queue) {
      if (count > 0 && bytes + message.length > PIECE_BYTES) break;
      bytes += message.length;
      count += 1;
    }
    if (count === 0) return null;
    const messages = this.#queue.splice(0, count);
    this.#queuedBytes -= bytes;
    return Buffer.concat(messages.map((message) => (typeof message === 'string' ? Buffer.from(message) : message)));
  }

  #advance(): void {
    if (!this.isAwaitingRoom || this.#isOver) return;
    const { present } = this.#subscription;
    this.isAwaitingRoom = present?.wantsRoom ?? false;
    if (this.isAwaitingRoom) present?.advance();
  }
}
