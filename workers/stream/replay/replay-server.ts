// Takes replay requests from the list in Redis, one at a time, and answers them. It has connections, a consumer and a
// kernel thread of its own: live delivery only shares the machine with it.

import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../../platform/log.ts';
import type { Redis } from '../../../platform/redis.ts';
import { backoffMs } from '../../../platform/retry.ts';
import { type RedisKeys, ReplayRequest, readMessage } from '../../../schemas/coordination.ts';
import { reasonOf } from '../../../schemas/errors.ts';
import type { ReplayRunner } from './replay-runner.ts';

/** How long Redis holds the question; a stop ends it at once by closing the connection. */
const POP_TIMEOUT_SECONDS = 5;
const ERROR_BACKOFF = { baseMs: 50, maxMs: 1000 } as const;

export interface ReplayServerOptions {
  /** Used for nothing else: it blocks. */
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly runner: Pick<ReplayRunner, 'run'>;
  readonly log: Logger;
  /** ms since 1970. */
  readonly now: () => number;
  readonly answered: (outcome: 'done' | 'failed' | 'late' | 'refused') => void;
}

export class ReplayServer {
  readonly #options: ReplayServerOptions;
  #stopping = false;
  #running: Promise<void> = Promise.resolve();
  #failures = 0;

  constructor(options: ReplayServerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#serve();
  }

  /** A request at hand is left unfinished: the edge asks again. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#options.redis.disconnect();
    await this.#running;
  }

  async #serve(): Promise<void> {
    while (!this.#stopping) {
      try {
        const popped = await this.#options.redis.brpop(this.#options.keys.replay, POP_TIMEOUT_SECONDS);
        this.#failures = 0;
        if (popped) await this.#answer(popped[1]);
      } catch (error) {
        if (this.#stopping) return;
        this.#options.log.debug({ reason: reasonOf(error) }, 'replay requests cannot be read'); // redis.ts reports it
        await delay(backoffMs(this.#failures++, ERROR_BACKOFF));
      }
    }
  }

  async #answer(text: string): Promise<void> {
    const { runner, log, now, answered } = this.#options;
    let request: ReplayRequest;
    try {
      request = readMessage(ReplayRequest, text);
    } catch (err) {
      log.error({ err }, 'a replay request cannot be read');
      answered('refused');
      return;
    }
    if (now() > request.deadlineMs) {
      answered('late');
      return;
    }
    try {
      answered(await runner.run(request));
    } catch (err) {
      if (this.#stopping) return;
      const { edgeId, requestId, topicId } = request;
      log.warn({ err, edgeId, requestId, topicId }, 'a replay failed; the edge asks again');
      answered('failed');
    }
  }
}
