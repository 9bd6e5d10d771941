// Trying again, with exponential backoff and full jitter, so that many processes that lost the same service do not all
// come back in the same moment. Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog 2015.

import { setTimeout as delay } from 'node:timers/promises';

export interface Backoff {
  /** Upper bound of the first wait; it doubles with each attempt. */
  readonly baseMs: number;
  /** Upper bound of every wait. */
  readonly maxMs: number;
}

export interface RetryOptions extends Backoff {
  /** How often the operation is begun at most. */
  readonly attempts: number | 'forever';
  /** Give up when this long has gone by since the first attempt began. */
  readonly timeoutMs?: number;
  /** Ends the waiting; `retry` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called before each wait. */
  readonly onRetry?: (error: unknown, attempt: number, waitMs: number) => void;
  /** False for an error that trying again cannot mend; default: every error can be mended. */
  readonly isRetryable?: (error: unknown) => boolean;
  readonly clock?: RetryClock;
}

/** Time and chance, to be replaced in tests. */
export interface RetryClock {
  now(): number;
  random(): number;
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void>;
}

const SYSTEM_CLOCK: RetryClock = {
  now: () => performance.now(),
  random: () => Math.random(),
  sleep: (ms, signal) => delay(ms, undefined, signal ? { signal } : {}),
};

/**
 * @param attempt 0 for the first failure
 * @returns a wait of 0 up to baseMs × 2^attempt or maxMs, whichever is less
 */
export function backoffMs(attempt: number, { baseMs, maxMs }: Backoff, random: () => number = Math.random): number {
  return Math.min(maxMs, baseMs * 2 ** attempt) * random();
}

/**
 * Runs the operation until it succeeds.
 *
 * @throws the operation's last error once attempts or time are used up, or the signal's reason
 */
export async function retry<Result>(operation: () => Promise<Result>, options: RetryOptions): Promise<Result> {
  const clock = options.clock ?? SYSTEM_CLOCK;
  const startedMs = clock.now();
  for (let attempt = 0; ; attempt++) {
    options.signal?.throwIfAborted();
    try {
      return await operation();
    } catch (error) {
      const waitMs = backoffMs(attempt, options, clock.random);
      const isLast = options.attempts !== 'forever' && attempt + 1 >= options.attempts;
      const isLate = options.timeoutMs !== undefined && clock.now() + waitMs - startedMs > options.timeoutMs;
      if (isLast || isLate || options.isRetryable?.(error) === false) throw error;
      options.onRetry?.(error, attempt, waitMs);
      await sleepUntilAborted(clock, waitMs, options.signal);
    }
  }
}

async function sleepUntilAborted(clock: RetryClock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
