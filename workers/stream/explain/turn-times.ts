// How long pieces of work take when nothing disturbs them: each is done in turns, and its fastest turn counts. What else
// runs on the machine makes turns slower, never faster. Pure; time comes as a function.

export interface TurnTimes {
  readonly warmMs: number;
  /** At least; up to four times as long while turns become faster. */
  readonly measureMs: number;
  /** No turn has become faster for so long: the engine has compiled the code for good, also on a busy machine. */
  readonly settledMs: number;
}

/** The fastest of fewer would be chance. */
const MIN_ROUNDS = 5;
/** A turn of less would be shorter than the clock is exact: the work is repeated in it. */
const MIN_TURN_MS = 1;
/** A turn that is faster by less than this is as fast. */
const WORTH = 0.97;
const MAX_LONGER = 4;

/**
 * @param work each is called with how often it is to do its work
 * @returns for each the time of doing its work once, ms
 */
export function fastestTurnsMs(
  work: readonly ((repeats: number) => void)[],
  nowMs: () => number,
  { warmMs, measureMs, settledMs }: TurnTimes,
): number[] {
  const fastestMs = work.map(() => Number.POSITIVE_INFINITY);
  let repeats = 1;
  let improvedAtMs = 0;
  const round = (): void => {
    work.forEach((run, i) => {
      const startedMs = nowMs();
      run(repeats);
      const endedMs = nowMs();
      const tookMs = (endedMs - startedMs) / repeats;
      const fastest = fastestMs[i] ?? tookMs;
      if (tookMs < fastest * WORTH) improvedAtMs = endedMs;
      fastestMs[i] = Math.min(fastest, tookMs);
    });
  };
  const warmedAtMs = nowMs() + warmMs;
  do round();
  while (nowMs() < warmedAtMs);
  const shortestMs = Math.max(Math.min(...fastestMs), 1e-6);
  repeats = Math.max(1, Math.ceil(MIN_TURN_MS / shortestMs));
  const startedMs = nowMs();
  for (let rounds = 0, elapsedMs = 0; elapsedMs < measureMs * MAX_LONGER; rounds++) {
    const isSettled = nowMs() - improvedAtMs >= settledMs;
    if (rounds >= MIN_ROUNDS && elapsedMs >= measureMs && isSettled) break;
    round();
    elapsedMs = nowMs() - startedMs;
  }
  return fastestMs;
}
