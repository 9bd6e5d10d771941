// How long an event that failed waits for its next attempt.

export interface Backoff {
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
}

/**
 * Doubles with each attempt up to the maximum; half of it is random, so that events that failed together do not come back
 * together.
 *
 * @param attempts made so far, from 1
 */
export function waitMs({ backoffBaseMs, backoffMaxMs }: Backoff, attempts: number, random: () => number): number {
  const fullMs = Math.min(backoffMaxMs, backoffBaseMs * 2 ** (attempts - 1));
  return fullMs / 2 + (random() * fullMs) / 2;
}
