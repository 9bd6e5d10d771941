// The subscription of a long poll, over one or more polls: what comes is kept in a buffer, and answered to the request that
// waits. Between two polls it lingers for a moment, so that a client that comes back at once costs no replay; nobody relies
// on that, since the token in the answer says everything.
//
//   request ──▶ waiting ──something came, or time is up──▶ answered, lingering ──next request──▶ waiting
//                  └ client gone, error ──▶ over              └ too long, too much ──▶ over

import { isResumable } from '../../../schemas/close-codes.ts';
import type { SubscriptionView } from '../../../schemas/connection-control.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import type { ClientSubscription } from '../client.ts';
import type { SpokenClient } from '../client-output.ts';
import { endOfIdentity } from '../entry/identity-rules.ts';
import type { Writable } from '../outgoing.ts';
import type { TenantAccount } from '../tenants/tenant-account.ts';
import { SUBSCRIPTION_ID } from './events-request.ts';
import type { Exchange } from './exchange.ts';
import { HeldSubscription } from './held-subscription.ts';
import type { HttpClient, HttpContext, Seat } from './http-client.ts';
import { PollBuffer } from './poll-buffer.ts';
import { answerProblem } from './problem-answer.ts';

const HEADERS = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };

/** A request that waits for its answer. */
export interface WaitingPoll {
  readonly exchange: Exchange;
  /** Whose request it is. */
  readonly identity: Identity;
  readonly waitMs: number;
  readonly maxEvents: number;
}

export interface PollSessionOptions {
  readonly context: HttpContext;
  readonly seat: Pick<Seat, 'number' | 'account'>;
  /** It was answered up to this token: keeps it for the next poll, or ends it. */
  readonly onAnswered: (session: PollSession, next: string) => void;
  /** Runs it after that time. @returns what cancels it */
  readonly later: (delayMs: number, run: () => void) => () => void;
}

interface Waiting extends WaitingPoll {
  isTimeUp: boolean;
  /** Its replay, which has brought nothing, has had its further time too. */
  isPatienceOver: boolean;
  cancelTimer: () => void;
}

/** 4 s: with the default wait this stays below the 30 s of the strictest usual proxies. */
const REPLAY_PATIENCE_MS = 4000;

export class PollSession implements SpokenClient, HttpClient, Writable {
  readonly format = 'json';
  readonly door = 'poll';
  readonly id: string;
  readonly number: number;
  readonly openedAtMs = Date.now();
  readonly output: PollBuffer;
  readonly isAwaitingRoom = false;
  readonly #options: PollSessionOptions;
  readonly #account: TenantAccount;
  readonly #subscription: HeldSubscription;
  #identity: Identity;
  #waiting: Waiting | null = null;
  #peer = '';
  #sentBytes = 0;
  #isMarked = false;
  #isOver = false;

  constructor(options: PollSessionOptions, identity: Identity) {
    const { number, account } = options.seat;
    this.#options = options;
    this.#identity = identity;
    this.#account = account;
    this.#subscription = new HeldSubscription(account);
    this.number = number;
    this.id = `${options.context.edgeId}/${number}`;
    this.output = new PollBuffer(
      () => this.#onChange(),
      ({ code, details = {} }) => this.#failAs(new MdsError(code, details)),
    );
  }

  get identity(): Identity {
    return this.#identity;
  }

  get isThrottled(): boolean {
    return this.#account.isThrottled;
  }

  get peer(): string {
    return this.#peer;
  }

  get bufferedBytes(): number {
    return this.#isOver ? 0 : this.output.byteLength;
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
  start(poll: WaitingPoll, subscribe: () => ClientSubscription): void {
    this.wait(poll);
    try {
      this.#subscription.begin(SUBSCRIPTION_ID, subscribe, () => this.#isOver);
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      this.#failAs(error);
    }
  }

  /** Answers this request next. */
  wait(poll: WaitingPoll): void {
    const waiting: Waiting = {
      ...poll,
      isTimeUp: false,
      isPatienceOver: false,
      cancelTimer: this.#options.later(poll.waitMs, () => {
        waiting.isTimeUp = true;
        waiting.cancelTimer = this.#options.later(REPLAY_PATIENCE_MS, () => {
          waiting.isPatienceOver = true;
          this.#onChange();
        });
        this.#onChange();
      }),
    };
    this.#waiting = waiting;
    this.#identity = poll.identity;
    this.#account.members.add(this);
    this.#peer = poll.exchange.peer;
    poll.exchange.onGone(() => this.end());
    this.#onChange();
  }

  /** At the end of the moment in which something came, so that all of it is in one answer. */
  flush(): void {
    this.#isMarked = false;
    const waiting = this.#waiting;
    if (waiting === null || !this.#isReady(waiting)) return;
    this.#answer(waiting);
  }

  onWritten(): void {}

  awaitRoom(): void {}

  charge(id: string, cost: number): void {
    this.#subscription.charge(id, cost);
  }

  onSubscriptionEnded(subscription: Pick<ClientSubscription, 'id'>): void {
    this.#subscription.forget(subscription);
  }

  changeIdentity(identity: Identity): void {
    const before = this.#identity;
    this.#identity = identity;
    this.#subscription.recheck(before, identity, this.#options.context.takeTurn);
  }

  endIdentity(): void {
    if (this.#isOver) return;
    const { closeCode, error } = endOfIdentity(this.#identity, this.#options.context.wallClock());
    this.#options.context.onClosing(closeCode, this);
    this.#failAs(error);
  }

  tick(): void {}

  close(closeCode: number, error: MdsError): void {
    if (this.#isOver) return;
    const waiting = this.#waiting;
    if (waiting === null) {
      this.end();
      return;
    }
    this.#options.context.onClosing(closeCode, this);
    if (isResumable(closeCode) && this.output.isBegun) this.#answer(waiting);
    else this.#failAs(error);
    this.end();
  }

  /** Its client is gone, or did not come back in time. */
  end(): void {
    if (this.#isOver) return;
    this.#release();
    this.#isOver = true;
    this.#subscription.end();
  }

  #onChange(): void {
    const { limits, outgoing } = this.#options.context;
    if (this.#waiting !== null) {
      if (this.#isMarked || this.#isOver) return;
      this.#isMarked = true;
      outgoing.mark(this);
    } else if (this.output.byteLength > limits.lingerBytes) {
      this.end(); // the next poll reads it from Kafka
    }
  }

  /**
   * A replay is gathered until an answer is full: at another edge the next poll would have to begin it anew. One that finds
   * nothing is answered in time all the same: whoever gave up instead would begin it anew each time, and never get further.
   */
  #isReady({ maxEvents, isTimeUp, isPatienceOver }: Waiting): boolean {
    const { hasNews, isBegun, isReplaying, eventCount, byteLength } = this.output;
    if (!isBegun) return false;
    if (eventCount >= maxEvents || byteLength >= this.#options.context.limits.pollBytes) return true;
    return isReplaying ? isPatienceOver || (isTimeUp && hasNews) : isTimeUp || hasNews;
  }

  #answer({ exchange, maxEvents }: Waiting): void {
    const { context, onAnswered } = this.#options;
    const { body, next, eventCount } = this.output.take(maxEvents, context.limits.pollBytes);
    this.#release();
    exchange.answer(200, HEADERS, body);
    context.telemetry.onAnswer('events', 200);
    context.telemetry.onPolled(eventCount);
    context.onBytes(body.length);
    this.#sentBytes += body.length;
    this.#account.bytes += body.length;
    this.#account.deliveries += eventCount;
    onAnswered(this, next);
    const { present } = this.#subscription;
    if (present?.wantsRoom) present.advance();
  }

  #failAs(error: MdsError): void {
    const exchange = this.#waiting?.exchange;
    if (exchange) {
      this.#options.context.onError(error, this);
      this.#options.context.telemetry.onAnswer('events', error.status);
      answerProblem(exchange, error);
    }
    this.end();
  }

  #release(): void {
    if (this.#waiting === null) return;
    this.#waiting.cancelTimer();
    this.#waiting = null;
    this.#account.members.delete(this);
    this.#options.context.onClosed(this);
  }
}
