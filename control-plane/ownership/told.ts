// What the leader tells the data plane through Redis half a second after it was created would be unknown there to whoever
// uses it at once.

import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../platform/log.ts';
import { reasonOf } from '../../schemas/errors.ts';

/** A leader tells within half a second; longer, and there is none. */
const TOLD_TIMEOUT_MS = 3000;
const TOLD_POLL_MS = 20;

/**
 * Waits until the leader has told it. Without a leader or Redis it is told later, and what was created stands all the same.
 *
 * @param isTold asks Redis
 */
export async function untilTold(what: string, isTold: () => Promise<boolean>, log: Logger): Promise<void> {
  const deadlineMs = performance.now() + TOLD_TIMEOUT_MS;
  try {
    while (!(await isTold()) && performance.now() < deadlineMs) await delay(TOLD_POLL_MS);
  } catch (error) {
    log.debug({ what, reason: reasonOf(error) }, 'it is told when Redis is back');
  }
}
