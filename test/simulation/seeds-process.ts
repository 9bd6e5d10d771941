// Entry of a process that runs seeds, one after the other, and tells what became of each. In a process of its own nothing of
// the test's sees virtual time, no test runner watches each of some million promises, and node-rdkafka, which can be loaded
// in one thread of a process only, may be loaded by other tests too.

import { type RunOptions, runSeed } from './run-seed.ts';

export interface SeedTask extends RunOptions {
  readonly seed: number;
}

process.once('message', (tasks: readonly SeedTask[]) => run(tasks, 0));

/** One after the other, each behind the last one's message: a channel that is closed over messages that wait ends in an error. */
function run(tasks: readonly SeedTask[], at: number): void {
  const task = tasks[at];
  if (task === undefined) {
    process.disconnect();
    return;
  }
  const { seed, ...options } = task;
  process.send?.(runSeed(seed, options), () => setImmediate(run, tasks, at + 1));
}
