// Requests for replays, from the edge's side: numbers them, keeps few of them outstanding at a time (the others wait in
// order), hands the answers to whoever asked, and says so when an answer does not come. Pure but for `push`.

import type { ReplayRequest } from '../../schemas/coordination.ts';
import type { EnvelopeReader } from '../../schemas/envelope-reader.ts';

/** Who asked. It has at most one request at a time. */
export interface ReplayListener {
  onReplayEnvelope(envelope: EnvelopeReader): void;
  /** No answer for `answerTimeoutMs`; the request is forgotten. */
  onReplayStalled(): void;
}

export type ReplayRanges = ReplayRequest['ranges'];
export type ReplayBody = Pick<ReplayRequest, 'topicId' | 'channels' | 'ranges'>;

export interface ReplayClientOptions {
  readonly edgeId: string;
  /** Puts the request where any stream worker takes it. A request that gets lost there shows as a stall. */
  readonly push: (request: ReplayRequest) => void;
  readonly maxOutstanding: number;
  readonly answerTimeoutMs: number;
  readonly maxBytes: number;
  readonly now: () => number;
}

interface Outstanding {
  readonly listener: ReplayListener;
  lastAnswerMs: number;
}

/** Request numbers are 32 bits on the wire; 0 stands for "not a replay". */
const MAX_REQUEST_ID = 0xffffffff;

export class ReplayClient {
  readonly #options: ReplayClientOptions;
  readonly #outstanding = new Map<number, Outstanding>();
  readonly #numbers = new Map<ReplayListener, number>();
  /** At most one per subscription, so the limit on subscriptions is its bound. */
  readonly #waiting = new Map<ReplayListener, ReplayBody>();
  #lastRequestId = 0;

  constructor(options: ReplayClientOptions) {
    this.#options = options;
  }

  get outstandingCount(): number {
    return this.#outstanding.size;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  ask(listener: ReplayListener, body: ReplayBody): void {
    this.#forget(listener);
    this.#waiting.set(listener, body);
    this.#pushWaiting();
  }

  /** The answer is complete, or no longer wanted. */
  release(listener: ReplayListener): void {
    this.#forget(listener);
    this.#pushWaiting();
  }

  onEnvelope(envelope: EnvelopeReader): 'taken' | 'unknown' {
    const outstanding = this.#outstanding.get(envelope.requestId);
    if (!outstanding) return 'unknown';
    outstanding.lastAnswerMs = this.#options.now();
    outstanding.listener.onReplayEnvelope(envelope);
    return 'taken';
  }

  tick(): void {
    const stalledBefore = this.#options.now() - this.#options.answerTimeoutMs;
    for (const { listener, lastAnswerMs } of [...this.#outstanding.values()]) {
      if (lastAnswerMs > stalledBefore) continue;
      this.#forget(listener);
      listener.onReplayStalled();
    }
    this.#pushWaiting();
  }

  #forget(listener: ReplayListener): void {
    this.#waiting.delete(listener);
    const requestId = this.#numbers.get(listener);
    if (requestId === undefined) return;
    this.#numbers.delete(listener);
    this.#outstanding.delete(requestId);
  }

  #pushWaiting(): void {
    const { edgeId, push, maxOutstanding, answerTimeoutMs, maxBytes, now } = this.#options;
    for (const [listener, body] of this.#waiting) {
      if (this.#outstanding.size >= maxOutstanding) return;
      this.#waiting.delete(listener);
      const requestId = this.#nextRequestId();
      this.#numbers.set(listener, requestId);
      this.#outstanding.set(requestId, { listener, lastAnswerMs: now() });
      push({ edgeId, requestId, ...body, maxBytes, deadlineMs: now() + answerTimeoutMs });
    }
  }

  #nextRequestId(): number {
    this.#lastRequestId = (this.#lastRequestId % MAX_REQUEST_ID) + 1;
    return this.#lastRequestId;
  }
}
