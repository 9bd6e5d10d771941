// A steady flow at a chosen rate, until it is told to stop. Work is done in small ticks and what a slow tick missed is made
// up for, so that the average rate holds even on a busy machine.

import { setTimeout as sleep } from 'node:timers/promises';

const TICK_MS = 10;

export interface Flow {
  /** Stops the flow; resolves when the last call has finished. */
  readonly stop: () => Promise<void>;
  /** How many units have been sent so far. */
  readonly sent: () => number;
  readonly perSecond: () => number;
}

/**
 * @param perSecond units a second; `send` is told how many are due (at most `maxAtOnce`)
 * @param total stops by itself after so many
 */
export function startFlow(
  perSecond: number,
  send: (count: number) => Promise<void>,
  { total = Number.POSITIVE_INFINITY, maxAtOnce = 1000 }: { readonly total?: number; readonly maxAtOnce?: number } = {},
): Flow & { readonly done: Promise<void> } {
  const startedMs = performance.now();
  let sent = 0;
  let stopped = false;
  let endedMs: number | null = null;
  const elapsedSeconds = (): number => ((endedMs ?? performance.now()) - startedMs) / 1000;
  const run = async (): Promise<void> => {
    while (!stopped && sent < total) {
      const due = Math.min(Math.floor(elapsedSeconds() * perSecond), total) - sent;
      if (due > 0) {
        const count = Math.min(due, maxAtOnce);
        await send(count);
        sent += count;
      }
      await sleep(due > maxAtOnce ? 0 : TICK_MS);
    }
    endedMs = performance.now();
  };
  const done = run();
  done.catch(() => undefined); // whoever awaits `done` or `stop` is told
  return {
    done,
    sent: () => sent,
    perSecond: () => sent / elapsedSeconds(),
    stop: async () => {
      stopped = true;
      await done;
    },
  };
}
