// Loaded into one process with --import: shifts the time of day that it sees when it gets SIGUSR2, by as many milliseconds
// as the file named in FAULT_CLOCK_FILE says. Monotonic time goes on as it does when a machine's clock is set.

import { readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = process.env.FAULT_CLOCK_FILE;

if (isMainThread && file !== undefined) {
  const RealDate = Date;
  let shiftMs = 0;
  class ShiftedDate extends RealDate {
    constructor(...args: readonly unknown[]) {
      if (args.length === 0) super(RealDate.now() + shiftMs);
      else super(...(args as [number])); // whatever was given goes to the real one
    }

    static override now(): number {
      return RealDate.now() + shiftMs;
    }
  }
  globalThis.Date = ShiftedDate as DateConstructor;
  process.on('SIGUSR2', () => {
    shiftMs = Number(readFileSync(file, 'utf8'));
  });
}
