// Takes replay requests from the list in Redis and has them answered: looks at what waits, chooses what is answered next and
// together, and gives the rest back for other workers. It has connections, a consumer and a kernel thread of its own: live
// delivery only shares the machine with it.

import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../../platform/log.ts';
import type { Redis } from '../../../platform/redis.ts';
import { backoffMs } from '../../../platform/retry.ts';
import { type RedisKeys, ReplayRequest, readMessage } from '../../../schemas/coordination.ts';
import { reasonOf } from '../../../schemas/errors.ts';
import { isShort, ReplayOrder } from './replay-choice.ts';
import type { ReplayRunner } from './replay-runner.ts';

/** How long Redis holds the question; a stop ends it at once by closing the connection. */
const POP_TIMEOUT_SECONDS = 5;
/** Requests that are looked at together; what is not answered goes back, so more would only be carried to and fro. */
const LOOK_AT = 32;
/** How often a long reading looks whether a short request waits. */
const LOOK_INTERVAL_MS = 100;
const ERROR_BACKOFF = { baseMs: 50, maxMs: 1000 } as const;

export interface ReplayServerOptions {
  /** Used for nothing else: it blocks. */
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly runner: Pick<ReplayRunner, 'run'>;
  readonly log: Logger;
  /** ms since 1970. */
  readonly now: () => number;
  /** @param merged requests that needed no reading of their own */
  readonly answered: (outcome: 'done' | 'failed' | 'late' | 'refused', count: number, merged?: number) => void;
}

export class ReplayServer {
  readonly #options: ReplayServerOptions;
  readonly #order = new ReplayOrder();
  #stopping = false;
  #running: Promise<void> = Promise.resolve();
  #failures = 0;

  constructor(options: ReplayServerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#serve();
  }

  /** Requests at hand are left unfinished: the edges ask again. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#options.redis.disconnect();
    await this.#running;
  }

  async #serve(): Promise<void> {
    const { redis, keys, log } = this.#options;
    while (!this.#stopping) {
      try {
        const popped = await redis.brpop(keys.replay, POP_TIMEOUT_SECONDS);
        if (popped) await this.#answerNext([popped[1], ...((await redis.rpop(keys.replay, LOOK_AT - 1)) ?? [])]);
        this.#failures = 0;
      } catch (error) {
        if (this.#stopping) return;
        log.debug({ reason: reasonOf(error) }, 'replay requests cannot be read'); // redis.ts reports it
        await delay(backoffMs(this.#failures++, ERROR_BACKOFF));
      }
    }
  }

  /** @param texts the longest waiting first */
  async #answerNext(texts: readonly string[]): Promise<void> {
    const { redis, keys, runner, log, answered } = this.#options;
    const waiting = this.#read(texts);
    if (waiting.length === 0) return;
    const { together, left, isShort } = this.#order.choose(waiting);
    // The end of the list is where the next one is taken from.
    if (left.length > 0) await redis.rpush(keys.replay, ...left.map((one) => JSON.stringify(one)).reverse());
    const look = isShort ? null : this.#lookForShort();
    try {
      const outcomes = await runner.run(together, () => look?.found ?? false);
      const done = outcomes.filter((outcome) => outcome === 'done').length;
      if (done > 0) answered('done', done, done - 1);
      if (done < outcomes.length) answered('refused', outcomes.length - done);
    } catch (err) {
      if (this.#stopping) return;
      const requests = together.map(({ edgeId, requestId, topicId }) => ({ edgeId, requestId, topicId }));
      log.warn({ err, requests }, 'replays failed; the edges ask again');
      answered('failed', together.length);
    } finally {
      clearInterval(look?.timer);
    }
  }

  #read(texts: readonly string[]): ReplayRequest[] {
    const { log, now, answered } = this.#options;
    return texts.flatMap((text) => {
      try {
        const request = readMessage(ReplayRequest, text);
        if (now() <= request.deadlineMs) return [request];
        answered('late', 1);
      } catch (err) {
        log.error({ err }, 'a replay request cannot be read');
        answered('refused', 1);
      }
      return [];
    });
  }

  #lookForShort(): { found: boolean; readonly timer: NodeJS.Timeout } {
    const { redis, keys, log } = this.#options;
    const timer = setInterval(async () => {
      try {
        const texts = await redis.lrange(keys.replay, -LOOK_AT, -1);
        look.found ||= texts.some((text) => isShort(readMessage(ReplayRequest, text)));
      } catch (error) {
        log.debug({ reason: reasonOf(error) }, 'waiting replay requests cannot be looked at'); // whoever takes them says it
      }
    }, LOOK_INTERVAL_MS);
    const look = { found: false, timer };
    return look;
  }
}
