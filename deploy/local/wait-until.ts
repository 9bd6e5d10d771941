// Waiting for a condition with a deadline, which is how everything here waits: never a fixed sleep and a hope.

import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from './failure.ts';

/** 50 ms: a service that comes up in 300 ms is seen 25 ms late on average, and a probe costs next to nothing. */
const POLL_MS = 50;

/**
 * Calls `attempt` until it resolves.
 *
 * @param giveUpEarly may return a reason to stop before the deadline (the process being waited for has died)
 * @throws Error with the last reason, after `timeoutMs` or when `giveUpEarly` says so
 */
export async function waitUntil<T>(
  what: string,
  timeoutMs: number,
  attempt: () => Promise<T>,
  giveUpEarly: () => string | undefined = () => undefined,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const early = giveUpEarly();
      if (early !== undefined) throw new Error(`${what}: ${early}`);
      if (performance.now() >= deadline) {
        throw new Error(`${what}: not ready after ${Math.round(timeoutMs / 1000)} s (${reasonOf(error)})`);
      }
    }
    await sleep(POLL_MS);
  }
}
