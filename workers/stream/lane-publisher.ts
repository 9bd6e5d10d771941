// Gives envelopes to Redis, in order, until Redis has accepted each of them. When the connection breaks, everything from
// the first envelope without an answer is sent again: a lane may see an envelope twice, never a later one instead of it.

import type { Redis } from '../../platform/redis.ts';
import { retry } from '../../platform/retry.ts';
import type { RedisKeys } from '../../schemas/coordination.ts';
import { reasonOf } from '../../schemas/errors.ts';
import type { EnvelopePlace } from './kernel/kernel.ts';

/** A Redis that comes back is noticed within this. */
const RETRY = { baseMs: 20, maxMs: 250 } as const;

export interface LanePublisherOptions {
  readonly redis: Redis;
  readonly keys: RedisKeys;
  /** Resolves when this worker may publish. */
  readonly mayPublish: () => Promise<void>;
  /** False for a partition that was given up: its envelopes are dropped. */
  readonly isOpen: (slot: number) => boolean;
  readonly onRetry: (reason: string) => void;
  readonly signal: AbortSignal;
}

export class LanePublisher {
  readonly #options: LanePublisherOptions;
  #failure: Error = new Error('Redis gave no answer');

  constructor(options: LanePublisherOptions) {
    this.#options = options;
  }

  /**
   * @param output where the envelopes are; must not change until this resolves
   * @throws the signal's reason
   */
  async publish(output: Uint8Array, envelopes: readonly EnvelopePlace[]): Promise<void> {
    let next = 0;
    await retry(
      async () => {
        await this.#options.mayPublish();
        next += await this.#send(output, envelopes.slice(next));
        if (next < envelopes.length) throw this.#failure;
      },
      {
        ...RETRY,
        attempts: 'forever',
        signal: this.#options.signal,
        onRetry: (error) => this.#options.onRetry(reasonOf(error)),
      },
    );
  }

  /** @returns how many, from the front, Redis has accepted */
  async #send(output: Uint8Array, envelopes: readonly EnvelopePlace[]): Promise<number> {
    const { redis, keys, isOpen } = this.#options;
    const open = envelopes.filter(({ slot }) => isOpen(slot));
    if (open.length === 0) return envelopes.length;
    const pipeline = redis.pipeline();
    for (const { lane, position, length } of open) {
      pipeline.spublish(keys.lane(lane), Buffer.from(output.buffer, output.byteOffset + position, length));
    }
    const answers = await pipeline.exec();
    const failed = answers?.findIndex(([error]) => error !== null) ?? 0;
    if (failed === -1) return envelopes.length;
    this.#failure = answers?.[failed]?.[0] ?? this.#failure;
    const first = open[failed];
    return first ? envelopes.indexOf(first) : 0;
  }
}
