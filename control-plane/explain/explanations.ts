// Asks stream workers about filters and waits for what they answer. Any worker takes the question from a list in Redis.
//
// Answers come by pub/sub, over one connection for all who wait: BLPOP would need a connection for each of them, and leave
// in Redis what nobody waits for any more. An answer that gets lost is a reason in the verdict and no harm.

import { randomUUID } from 'node:crypto';
import type { Logger } from '../../platform/log.ts';
import { type Redis, subscribeAtStart } from '../../platform/redis.ts';
import { type RedisKeys, readMessage } from '../../schemas/coordination.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import { ExplainAnswer, type ExplainRequest } from '../../schemas/explain-messages.ts';
import { readFleet } from '../status/fleet.ts';

/** A worker takes about a second; with some questions before this one it is three. */
const ANSWER_TIMEOUT_MS = 5000;
/** More than workers answer in that time, and few enough that the list in Redis is small. */
const MAX_WAITING = 16;
/** Four take a worker four seconds as a rule, with its rests: another tenant's question behind them is answered in time. */
const MAX_WAITING_PER_TENANT = 4;
const MAX_LISTED = 100;

export type Question = Pick<ExplainRequest, 'topicId' | 'channel' | 'plan' | 'mandatory' | 'events'>;

export interface ExplanationsOptions {
  readonly redis: Redis;
  /** Used for nothing else: it is subscribed. */
  readonly answers: Redis;
  readonly keys: RedisKeys;
  /** Of this control plane. */
  readonly replyTo: string;
  /** By the clock that workers compare with, ms since 1970. */
  readonly sharedNow: () => number;
  readonly log: Logger;
  readonly timeoutMs?: number;
}

interface Waiter {
  readonly tenant: string;
  readonly answered: (answer: ExplainAnswer) => void;
}

export class Explanations {
  readonly #options: ExplanationsOptions;
  readonly #waiting = new Map<string, Waiter>();

  constructor(options: ExplanationsOptions) {
    this.#options = options;
    options.answers.on('message', (_channel: string, text: string) => this.#hear(text));
  }

  /** @throws what ioredis throws when Redis is away; the connection subscribes again by itself later on */
  async start(): Promise<void> {
    const { answers, keys, replyTo } = this.#options;
    await subscribeAtStart(answers, 'subscribe', [keys.explained(replyTo)]);
  }

  /** Never throws for want of an answer: then the answer says why there is none. */
  async ask(tenant: string, question: Question): Promise<ExplainAnswer> {
    const requestId = randomUUID();
    try {
      this.#checkRoom(tenant);
      return await this.#answerTo(requestId, tenant, question);
    } catch (error) {
      const { code, message } = asMdsError(error);
      return { requestId, found: [], measured: null, problem: { code, message } };
    }
  }

  #checkRoom(tenant: string): void {
    const own = [...this.#waiting.values()].filter((waiter) => waiter.tenant === tenant).length;
    if (own >= MAX_WAITING_PER_TENANT) {
      throw new MdsError('MDS_EXPLAIN_BUSY', { limit: MAX_WAITING_PER_TENANT, whose: 'this tenant' });
    }
    if (this.#waiting.size >= MAX_WAITING) {
      throw new MdsError('MDS_EXPLAIN_BUSY', { limit: MAX_WAITING, whose: 'all tenants' });
    }
  }

  async #answerTo(requestId: string, tenant: string, question: Question): Promise<ExplainAnswer> {
    const { timeoutMs = ANSWER_TIMEOUT_MS } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<ExplainAnswer>();
    this.#waiting.set(requestId, { tenant, answered: resolve });
    const timer = setTimeout(() => {
      reject(new MdsError('MDS_TIMEOUT', { operation: 'Measuring the filter', timeoutMs }));
    }, timeoutMs);
    try {
      promise.catch(() => undefined); // awaited below, unless sending fails first
      await this.#send(requestId, question, this.#options.sharedNow() + timeoutMs);
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(requestId);
    }
  }

  async #send(requestId: string, question: Question, deadlineMs: number): Promise<void> {
    const { redis, keys, replyTo, timeoutMs = ANSWER_TIMEOUT_MS } = this.#options;
    const { workers } = await readFleet(redis, keys);
    if (!workers.some(({ state }) => state === 'running')) throw new MdsError('MDS_EXPLAIN_NO_WORKER');
    const request: ExplainRequest = { ...question, requestId, replyTo, deadlineMs };
    const results = await redis
      .multi()
      .lpush(keys.explain, JSON.stringify(request))
      .ltrim(keys.explain, 0, MAX_LISTED - 1)
      .pexpire(keys.explain, timeoutMs)
      .exec();
    const failed = results?.find(([error]) => error !== null)?.[0];
    if (failed) throw failed;
  }

  #hear(text: string): void {
    try {
      const answer = readMessage(ExplainAnswer, text);
      this.#waiting.get(answer.requestId)?.answered(answer); // nobody waits: it came too late
    } catch (err) {
      this.#options.log.error({ err }, 'an explanation cannot be read');
    }
  }
}

const asMdsError = (error: unknown): MdsError =>
  error instanceof MdsError
    ? error
    : new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Redis', reason: reasonOf(error) }, { cause: error });
