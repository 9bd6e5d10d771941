// Runs the real `mds` command in a process of its own.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../../client/command/main.ts', import.meta.url));
/** A busy machine takes a second to start Node; nothing here takes longer than that. */
const TIMEOUT_MS = 60_000;

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly finished: Promise<Finished>;
  /** Resolves when stdout and stderr together contain `text`. */
  says(text: string): Promise<void>;
}

export function startMds(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const kept = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MDS_')));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...kept, COLUMNS: '100', TZ: 'UTC', ...env },
    timeout: TIMEOUT_MS,
  });
  let stdout = '';
  let stderr = '';
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const check of waiting) check();
  };
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
    wake();
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
    wake();
  });
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  return {
    child,
    finished,
    says: (text) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (!(stdout + stderr).includes(text)) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        void finished.then(() => reject(new Error(`mds ended without saying ${text}: ${stdout}${stderr}`)));
        check();
      }),
  };
}

/** @param input what it reads from stdin */
export function runMds(args: readonly string[], env?: Readonly<Record<string, string>>, input = ''): Promise<Finished> {
  const { child, finished } = startMds(args, env);
  child.stdin.end(input);
  return finished;
}
