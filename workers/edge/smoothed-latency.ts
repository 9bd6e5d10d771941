// The latency of a stream of frames as one number that an operator looks at: recent frames count most. Pure.

/** The last ten frames or so decide. */
const SHARE_OF_NEW = 0.2;

/**
 * @param before null: this is the first
 * @param oldestRecordMs of the frame, ms since 1970; 0: it has none
 */
export function smoothed(before: number | null, oldestRecordMs: number, sentMs: number): number | null {
  if (oldestRecordMs <= 0) return before;
  const latencyMs = Math.max(0, sentMs - oldestRecordMs);
  return before === null ? latencyMs : before + SHARE_OF_NEW * (latencyMs - before);
}
