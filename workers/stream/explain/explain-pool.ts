// The thread that tries filters: not one of the kernel threads, which live delivery needs. It starts with the first
// question and goes when nobody has asked for a while.

import { Piscina } from 'piscina';
import type { CountAnswer, CountTask, ExplainThread, MeasureAnswer, MeasureTask } from './explain-task.ts';

/** Whoever tunes a filter asks again within this time. */
const IDLE_MS = 60_000;
/** Questions come one at a time; a second one waiting would be a bug. */
const MAX_QUEUE = 1;

export function createExplainThread(): ExplainThread {
  const pool = new Piscina<CountTask | MeasureTask, CountAnswer | MeasureAnswer>({
    filename: new URL('./explain-thread.ts', import.meta.url).href,
    minThreads: 0,
    maxThreads: 1,
    concurrentTasksPerWorker: 1,
    maxQueue: MAX_QUEUE,
    atomics: 'disabled',
    idleTimeout: IDLE_MS,
    recordTiming: false,
  });
  return {
    count: async (task) => (await pool.run({ ...task, kind: 'count' })) as CountAnswer, // as the entry answers
    measure: async (task) => (await pool.run({ ...task, kind: 'measure' })) as MeasureAnswer, // as the entry answers
    close: () => pool.destroy(),
  };
}
