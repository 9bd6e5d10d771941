// How long to wait before trying again: exponential with full jitter, so that ten thousand clients that lost the same edge
// do not come back in the same instant. Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

export interface Backoff {
  /** 500 ms: one lost connection is hardly noticed, a lost edge's clients are spread over half a second. */
  readonly baseMs: number;
  /** 15 s: a page left open through an outage is back soon after it ends. */
  readonly maxMs: number;
}

export const DEFAULT_BACKOFF: Backoff = { baseMs: 500, maxMs: 15_000 };

/** 2^16 times any base is beyond any maximum; larger exponents would only overflow. */
const MAX_EXPONENT = 16;

/**
 * @param failures how many attempts have failed in a row before this wait, 0 for the first
 * @param random uniform in [0, 1)
 */
export function backoffMs(failures: number, { baseMs, maxMs }: Backoff, random: () => number): number {
  const ceilingMs = Math.min(maxMs, baseMs * 2 ** Math.min(failures, MAX_EXPONENT));
  return Math.round(random() * ceilingMs);
}
