// Takes questions about filters from the list in Redis, one at a time, and answers the control planes that asked. It has
// a consumer and a thread of its own, and rests after each answer as long as it worked: however many people explain their
// filters, a worker spends no more than half of one core on them.

import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../../platform/log.ts';
import type { Redis } from '../../../platform/redis.ts';
import { backoffMs } from '../../../platform/retry.ts';
import { type RedisKeys, readMessage } from '../../../schemas/coordination.ts';
import { reasonOf } from '../../../schemas/errors.ts';
import { ExplainRequest } from '../../../schemas/explain-messages.ts';
import type { Explainer } from './explainer.ts';

/** How long Redis holds the question; a stop ends it at once by closing the connection. */
const POP_TIMEOUT_SECONDS = 5;
const ERROR_BACKOFF = { baseMs: 50, maxMs: 1000 } as const;

export type ExplainOutcome = 'measured' | 'not_measured' | 'failed' | 'late' | 'refused';

export interface ExplainServerOptions {
  /** Used for nothing else: it blocks. */
  readonly requests: Redis;
  readonly answers: Redis;
  readonly keys: RedisKeys;
  readonly explainer: Pick<Explainer, 'answer'>;
  readonly log: Logger;
  /** ms since 1970. */
  readonly now: () => number;
  readonly answered: (outcome: ExplainOutcome) => void;
}

export class ExplainServer {
  readonly #options: ExplainServerOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #failures = 0;

  constructor(options: ExplainServerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#serve();
  }

  /** A question at hand is left unanswered: whoever asked says so to its caller. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#options.requests.disconnect();
    await this.#running;
  }

  async #serve(): Promise<void> {
    const { requests, keys, log } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const popped = await requests.brpop(keys.explain, POP_TIMEOUT_SECONDS);
        this.#failures = 0;
        if (popped) await delay(await this.#answer(popped[1]), undefined, { signal });
      } catch (error) {
        if (signal.aborted) return;
        log.debug({ reason: reasonOf(error) }, 'explain requests cannot be read'); // redis.ts reports it
        await delay(backoffMs(this.#failures++, ERROR_BACKOFF));
      }
    }
  }

  /** @returns how long it worked, ms */
  async #answer(text: string): Promise<number> {
    const { explainer, answers, keys, log, now, answered } = this.#options;
    let request: ExplainRequest;
    try {
      request = readMessage(ExplainRequest, text);
    } catch (err) {
      log.error({ err }, 'an explain request cannot be read');
      answered('refused');
      return 0;
    }
    const startedMs = now();
    if (startedMs > request.deadlineMs) {
      answered('late');
      return 0;
    }
    try {
      const answer = await explainer.answer(request);
      await answers.publish(keys.explained(request.replyTo), JSON.stringify(answer));
      answered(answer.measured ? 'measured' : 'not_measured');
    } catch (err) {
      if (this.#stopping.signal.aborted) return 0;
      const { topicId, channel } = request;
      log.warn({ err, topicId, channel }, 'a filter could not be explained');
      answered('failed');
    }
    return Math.max(0, now() - startedMs);
  }
}
