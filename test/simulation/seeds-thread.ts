// Entry of a thread that runs seeds, one after the other, and tells what became of each. In a thread of its own nothing of
// the test's process sees virtual time, and no test runner watches each of some million promises.

import { parentPort, workerData } from 'node:worker_threads';
import { type RunOptions, runSeed } from './run-seed.ts';

export interface SeedTask extends RunOptions {
  readonly seed: number;
}

const tasks = workerData as readonly SeedTask[]; // given by simulation.test.ts, the only one who starts this file

/** A run is one synchronous call, which cannot be made while the module is still being loaded. */
setImmediate(() => {
  for (const { seed, ...options } of tasks) parentPort?.postMessage(runSeed(seed, options));
});
