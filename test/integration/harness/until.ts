// How every integration test waits: for a condition, with a deadline, never for a fixed time.

import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 25;

/**
 * Calls `look` until it gives something other than undefined, null or false.
 *
 * @param what said in the error: `waiting for <what>`
 * @param state may add what was seen last to the error
 * @throws Error when `timeoutMs` has passed; the last thing `look` threw is its cause
 */
export async function until<T>(
  what: string,
  timeoutMs: number,
  look: () => T | Promise<T>,
  state: () => unknown = () => undefined,
): Promise<NonNullable<T>> {
  const deadlineMs = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== null && found !== false) return found;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadlineMs) {
      const seen = state();
      const detail = seen === undefined ? '' : `; last seen: ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`;
      const thrown = cause instanceof Error ? ` (${cause.message}${causeOf(cause)})` : '';
      throw new Error(`waiting for ${what}: not within ${timeoutMs} ms${thrown}${detail}`, { cause });
    }
    await sleep(POLL_MS);
  }
}

/** What lies below "fetch failed" says more than that. */
const causeOf = ({ cause }: Error): string => (cause instanceof Error ? `: ${cause.message}` : '');
