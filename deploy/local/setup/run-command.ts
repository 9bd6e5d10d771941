// Runs a program of set-up to its end, with its output kept in a log file and its last lines shown only when it fails.

import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { lastLines } from '../child.ts';
import { Failure } from '../failure.ts';
import { ROOT, TOOLCHAIN } from '../places.ts';

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Names the log: `.toolchain/logs/<logName>.log`. */
  readonly logName: string;
  /** What to tell a person when it fails: `npm ci failed`. */
  readonly failure: string;
}

/** @throws Failure with the last lines of output when the program cannot be started or exits with anything but 0 */
export async function runCommand(file: string, args: readonly string[], options: CommandOptions): Promise<void> {
  const logFile = join(TOOLCHAIN, 'logs', `${options.logName}.log`);
  mkdirSync(join(TOOLCHAIN, 'logs'), { recursive: true });
  const log = openSync(logFile, 'w');
  try {
    await new Promise<void>((resolve, reject) => {
      const child = spawn(file, [...args], {
        cwd: options.cwd ?? ROOT,
        env: options.env ?? process.env,
        stdio: ['ignore', log, log],
      });
      child.once('error', (error) => reject(new Failure(`${options.failure}: ${error.message}.`)));
      child.once('exit', (code, signal) => {
        if (code === 0) return resolve();
        const how = signal ?? `exit code ${code}`;
        reject(new Failure(`${options.failure} (${how}). The last lines of ${logFile}:\n${lastLines(logFile, 25)}`));
      });
    });
  } finally {
    closeSync(log);
  }
}
