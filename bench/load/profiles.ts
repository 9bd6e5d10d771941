// The CPU profiles that the processes of a run have left: which tier each belongs to is told by what it spent its time in.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Profile } from '../result.ts';

/** A script that only this tier's thread runs. */
const MARKS: readonly (readonly [tier: string, script: string])[] = [
  ['kernel', 'workers/stream/kernel/kernel-thread.ts'],
  ['workerMain', 'workers/stream/main.ts'],
  ['edge', 'workers/edge/main.ts'],
];

/** @param resultDirectory what the files are named relative to */
export function profilesIn(directory: string, resultDirectory: string): Profile[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((file) => file.endsWith('.cpuprofile'))
    .flatMap((file) => {
      const path = join(directory, file);
      const text = readFileSync(path, 'utf8');
      const tier = MARKS.find(([, script]) => text.includes(script))?.[0];
      return tier === undefined ? [] : [{ tier, file: relative(resultDirectory, path) }];
    });
}
