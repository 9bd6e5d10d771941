// One started process of the local stack: its own session (a terminal's Ctrl-C reaches only the supervisor, which stops
// things in order), output appended to a log file, a pid file while it lives, and an end that is graceful first.

import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from './failure.ts';
import {
  bootId,
  isAlive,
  type ProcessRecord,
  removeProcessRecord,
  startTicks,
  writeProcessRecord,
} from './process-file.ts';

const SETPRIV = '/usr/bin/setpriv';
const END_POLL_MS = 20;
/** Some days of INFO from any of the services. */
const MAX_LOG_BYTES = 16 * 1024 * 1024;

export interface ChildSpec {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly stopSignal: NodeJS.Signals;
  readonly listens: readonly string[];
  readonly logFile: string;
  readonly runDirectory: string;
  /** Whether the kernel ends it when this process ends, however it ends: on for tests and `make run`. */
  readonly diesWithParent: boolean;
}

export interface RunningChild {
  readonly record: ProcessRecord;
  /** Resolves when it has ended, with how. */
  readonly ended: Promise<ChildEnd>;
  readonly hasEnded: () => ChildEnd | undefined;
}

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Ends of the processes that are children of this one, by pid: only their parent can clear them from the process table. */
const ownChildren = new Map<number, Promise<ChildEnd>>();

export async function startChild(spec: ChildSpec): Promise<RunningChild> {
  mkdirSync(dirname(spec.logFile), { recursive: true });
  keepSmall(spec.logFile);
  const log = openSync(spec.logFile, 'a');
  try {
    const [file, args] = spec.diesWithParent ? tiedToParent(spec) : [spec.file, spec.args];
    const child = spawn(file, args, {
      cwd: spec.cwd,
      env: spec.env,
      stdio: ['ignore', log, log],
      detached: true,
      // when tied, setpriv changes the user itself: a change of user afterwards would clear the tie
      ...(spec.user === undefined || spec.diesWithParent ? {} : spec.user),
    });
    await spawned(child, spec);
    return track(child, spec);
  } finally {
    closeSync(log);
  }
}

/**
 * Ends a process we have a record of, and waits until it is gone.
 *
 * @returns how it went; `gone` when it was not running (any more)
 */
export async function endProcess(
  record: ProcessRecord,
  graceMs: number,
  signal: NodeJS.Signals = record.stopSignal,
): Promise<'gone' | 'stopped' | 'killed'> {
  if (!sendSignal(record, signal)) return 'gone';
  const inTime = await isGoneWithin(record, graceMs);
  if (!inTime) sendSignal(record, 'SIGKILL');
  // SIGKILL cannot be refused; only a process stuck in the kernel outlives it
  if (inTime || (await isGoneWithin(record, 10_000))) {
    await cleared(record.pid);
    return inTime && signal !== 'SIGKILL' ? 'stopped' : 'killed';
  }
  throw new Failure(`${record.name} (pid ${record.pid}) does not end, not even by SIGKILL: its disk may hang.`);
}

/** Sends a signal to the process only if it still is the one that was started; false when it is gone. */
export function sendSignal(record: ProcessRecord, signal: NodeJS.Signals): boolean {
  if (!isAlive(record)) return false;
  try {
    process.kill(record.pid, signal);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    if (error instanceof Error && 'code' in error && error.code === 'EPERM') {
      throw new Failure(
        `${record.name} (pid ${record.pid}) belongs to another user: stop it as the user who started it.`,
      );
    }
    throw error;
  }
}

/** The last `count` lines of a log file, for an error message. */
export function lastLines(logFile: string, count = 15): string {
  try {
    return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
  } catch {
    return '(no log was written)';
  }
}

/** Waits until a process that is our child has left the process table; its exit event alone does not keep Node running. */
async function cleared(pid: number): Promise<void> {
  const keepRunning = setInterval(() => undefined, 1_000);
  try {
    await ownChildren.get(pid);
  } finally {
    clearInterval(keepRunning);
  }
}

/** A log that has grown large in earlier runs becomes `<name>.log.1`, so that two of them are the most a disk must hold. */
function keepSmall(logFile: string): void {
  if ((statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) > MAX_LOG_BYTES) renameSync(logFile, `${logFile}.1`);
}

async function isGoneWithin(record: ProcessRecord, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (isAlive(record)) {
    if (performance.now() >= deadline) return false;
    await sleep(END_POLL_MS);
  }
  return true;
}

function tiedToParent(spec: ChildSpec): [string, readonly string[]] {
  try {
    accessSync(SETPRIV, constants.X_OK);
  } catch {
    throw new Failure(`${SETPRIV} is missing: install the package util-linux.`);
  }
  const user =
    spec.user === undefined ? [] : ['--reuid', `${spec.user.uid}`, '--regid', `${spec.user.gid}`, '--clear-groups'];
  return [SETPRIV, [...user, '--pdeathsig', spec.stopSignal, '--', spec.file, ...spec.args]];
}

async function spawned(child: ChildProcess, spec: ChildSpec): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(new Failure(`${spec.name} cannot be started: ${error.message}.`)));
  });
}

function track(child: ChildProcess, spec: ChildSpec): RunningChild {
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${spec.name} was spawned without a pid`);
  const record: ProcessRecord = {
    name: spec.name,
    pid,
    startTicks: startTicks(pid) ?? 0, // 0: it has ended already, and so never matches a live process
    bootId: bootId(),
    stopSignal: spec.stopSignal,
    startedAt: new Date().toISOString(),
    listens: spec.listens,
  };
  writeProcessRecord(spec.runDirectory, record);
  let end: ChildEnd | undefined;
  const ended = new Promise<ChildEnd>((resolve) => {
    child.once('exit', (code, signal) => {
      end = { code, signal };
      ownChildren.delete(pid);
      removeProcessRecord(spec.runDirectory, spec.name);
      resolve(end);
    });
  });
  ownChildren.set(pid, ended);
  // An ended supervisor must not be kept alive by what it leaves running (`stack up`).
  child.unref();
  return { record, ended, hasEnded: () => end };
}
