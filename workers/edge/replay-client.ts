// Requests for replays, from the edge's side: numbers them, merges those that want nearly the same, keeps few outstanding
// at a time (the others wait in order), hands the answers to whoever asked, and says so when an answer does not come.
// Pure but for `push` and `later`.

import type { ReplayRequest } from '../../schemas/coordination.ts';
import type { EnvelopeReader } from '../../schemas/envelope-reader.ts';
import { MergedReplay, type ReplayBody, type ReplayRanges } from './replay-merge.ts';

/** Who asked. It has at most one request at a time, which it may share with others. */
export interface ReplayListener {
  /**
   * A piece of the answer, which may be shared with others: it may begin before what this listener asked for, and end
   * behind it. An answer that ends before all of it (or, when shared, before any of it) came: ask again.
   */
  onReplayEnvelope(envelope: EnvelopeReader): void;
  /** No answer for too long; the request is forgotten. */
  onReplayStalled(): void;
}

/** For all channels of the edge's interest in a topic: the repair of a lane. */
export interface InterestBody {
  readonly topicId: number;
  readonly ranges: ReplayRanges;
  readonly maxBytes: number;
  /** Silence after which it stalls, if that is less than for others. */
  readonly patienceMs: number;
}

export interface ReplayClientOptions {
  readonly edgeId: string;
  /** Puts the request where any stream worker takes it. A request that gets lost there shows as a stall. */
  readonly push: (request: ReplayRequest) => void;
  /** Besides repairs, of which there are few and which everybody waits for. */
  readonly maxOutstanding: number;
  readonly answerTimeoutMs: number;
  readonly maxBytes: number;
  readonly now: () => number;
  /** By the clock that workers compare with, ms since 1970. */
  readonly sharedNow: () => number;
  /** Runs an action at the end of this moment, so that those who ask in it can share a request. */
  readonly later: (action: () => void) => void;
}

interface Outstanding {
  readonly listeners: Set<ReplayListener>;
  /** Null: a repair. */
  readonly topicId: number | null;
  readonly timeoutMs: number;
  lastAnswerMs: number;
}

/** Request numbers are 32 bits on the wire; 0 stands for "not a replay". */
const MAX_REQUEST_ID = 0xffffffff;
/** Of one topic, a quarter of what may be outstanding: those who wait meanwhile share the next request. */
const TOPIC_SHARE = 4;

export class ReplayClient {
  readonly #options: ReplayClientOptions;
  readonly #outstanding = new Map<number, Outstanding>();
  readonly #numbers = new Map<ReplayListener, number>();
  /** At most one per subscription, so the limit on subscriptions is its bound. */
  readonly #waiting = new Map<ReplayListener, ReplayBody>();
  readonly #topicShare: number;
  #lastRequestId = 0;
  #isPlanned = false;

  constructor(options: ReplayClientOptions) {
    this.#options = options;
    this.#topicShare = Math.max(1, Math.floor(options.maxOutstanding / TOPIC_SHARE));
  }

  /** Besides repairs. */
  get outstandingCount(): number {
    let count = 0;
    for (const { topicId } of this.#outstanding.values()) if (topicId !== null) count += 1;
    return count;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  ask(listener: ReplayListener, body: ReplayBody): void {
    this.#forget(listener);
    this.#waiting.set(listener, body);
    this.#plan();
  }

  /** Goes out at once, before all that waits. */
  askForInterest(listener: ReplayListener, { topicId, ranges, maxBytes, patienceMs }: InterestBody): void {
    this.#forget(listener);
    const timeoutMs = Math.min(patienceMs, this.#options.answerTimeoutMs);
    this.#push([listener], null, timeoutMs, { topicId, channels: 'interest', ranges, maxBytes });
  }

  /** The answer is complete, or no longer wanted. */
  release(listener: ReplayListener): void {
    this.#forget(listener);
    if (this.#waiting.size > 0) this.#plan();
  }

  onEnvelope(envelope: EnvelopeReader): void {
    const outstanding = this.#outstanding.get(envelope.requestId);
    if (!outstanding) return;
    outstanding.lastAnswerMs = this.#options.now();
    for (const listener of [...outstanding.listeners]) {
      if (this.#numbers.get(listener) === envelope.requestId) listener.onReplayEnvelope(envelope);
    }
  }

  tick(): void {
    const nowMs = this.#options.now();
    for (const { listeners, lastAnswerMs, timeoutMs } of [...this.#outstanding.values()]) {
      if (nowMs - lastAnswerMs < timeoutMs) continue;
      const stalled = [...listeners];
      for (const listener of stalled) this.#forget(listener);
      for (const listener of stalled) listener.onReplayStalled();
    }
    this.#pushWaiting();
  }

  #forget(listener: ReplayListener): void {
    this.#waiting.delete(listener);
    const requestId = this.#numbers.get(listener);
    if (requestId === undefined) return;
    this.#numbers.delete(listener);
    const outstanding = this.#outstanding.get(requestId);
    outstanding?.listeners.delete(listener);
    if (outstanding?.listeners.size === 0) this.#outstanding.delete(requestId);
  }

  #plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#options.later(() => {
      this.#isPlanned = false;
      this.#pushWaiting();
    });
  }

  #pushWaiting(): void {
    if (this.#waiting.size === 0) return;
    const { maxOutstanding, maxBytes, answerTimeoutMs } = this.#options;
    const open = new Map<number, number>();
    let total = 0;
    for (const { topicId } of this.#outstanding.values()) {
      if (topicId === null) continue;
      open.set(topicId, (open.get(topicId) ?? 0) + 1);
      total += 1;
    }
    for (const [first, body] of this.#waiting) {
      if (total >= maxOutstanding) return;
      const { topicId } = body;
      const ofTopic = open.get(topicId) ?? 0;
      if (ofTopic >= this.#topicShare) continue;
      const { listeners, merged } = this.#merge(first, body);
      const { channels, ranges } = merged;
      this.#push(listeners, topicId, answerTimeoutMs, { topicId, channels, ranges, maxBytes });
      open.set(topicId, ofTopic + 1);
      total += 1;
    }
  }

  /** Takes the first from the queue, and whoever can share its request. */
  #merge(first: ReplayListener, body: ReplayBody): { listeners: ReplayListener[]; merged: MergedReplay } {
    const merged = new MergedReplay(body);
    const listeners = [first];
    this.#waiting.delete(first);
    for (const [listener, other] of this.#waiting) {
      if (!merged.add(other)) continue;
      this.#waiting.delete(listener);
      listeners.push(listener);
    }
    return { listeners, merged };
  }

  #push(
    listeners: readonly ReplayListener[],
    topicId: number | null,
    timeoutMs: number,
    body: Pick<ReplayRequest, 'topicId' | 'channels' | 'ranges' | 'maxBytes'>,
  ): void {
    const { edgeId, push, now, sharedNow } = this.#options;
    this.#lastRequestId = (this.#lastRequestId % MAX_REQUEST_ID) + 1;
    const requestId = this.#lastRequestId;
    for (const listener of listeners) this.#numbers.set(listener, requestId);
    this.#outstanding.set(requestId, { listeners: new Set(listeners), topicId, timeoutMs, lastAnswerMs: now() });
    push({ edgeId, requestId, ...body, deadlineMs: sharedNow() + timeoutMs });
  }
}
