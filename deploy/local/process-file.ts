// Pid files that cannot lie: next to the pid stands when that process started (ticks since boot, and which boot), so that a
// number reused by another process is recognised and never signalled. Only processes named in such a file are ever ended.

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ProcessRecord {
  readonly name: string;
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat. */
  readonly startTicks: number;
  readonly bootId: string;
  readonly stopSignal: NodeJS.Signals;
  readonly startedAt: string;
  /** Shown by `make status`: where it listens. */
  readonly listens: readonly string[];
}

/** Field 22 (start time in ticks since boot) of a /proc/<pid>/stat line; the command in field 2 may hold anything. */
export function startTicksOf(stat: string): number | undefined {
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .trim()
    .split(' ');
  // fields[0] is field 3, the state; a zombie has ended and only waits for its parent
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  const ticks = Number(fields[19]);
  return Number.isInteger(ticks) && ticks > 0 ? ticks : undefined;
}

/** When `pid` started, or undefined when there is no such live process. */
export function startTicks(pid: number, proc = '/proc'): number | undefined {
  try {
    return startTicksOf(readFileSync(`${proc}/${pid}/stat`, 'utf8'));
  } catch {
    return undefined; // no such process
  }
}

export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** Whether the process of this record still runs: same pid, same start, same boot. */
export function isAlive(record: ProcessRecord): boolean {
  return record.bootId === bootId() && startTicks(record.pid) === record.startTicks;
}

export function writeProcessRecord(runDirectory: string, record: ProcessRecord): void {
  mkdirSync(runDirectory, { recursive: true });
  const file = recordFile(runDirectory, record.name);
  writeFileSync(`${file}.new`, `${JSON.stringify(record)}\n`);
  renameSync(`${file}.new`, file);
}

export function removeProcessRecord(runDirectory: string, name: string): void {
  rmSync(recordFile(runDirectory, name), { force: true });
}

/** All records of a run directory, oldest first; unreadable files are skipped (a crash while writing). */
export function readProcessRecords(runDirectory: string): ProcessRecord[] {
  let names: string[];
  try {
    names = readdirSync(runDirectory);
  } catch {
    return []; // nothing was ever started here
  }
  return names
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => parseRecord(readFileSync(join(runDirectory, name), 'utf8')))
    .sort((a, b) => a.startTicks - b.startTicks || a.pid - b.pid);
}

function parseRecord(text: string): ProcessRecord[] {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? [value] : [];
  } catch {
    return [];
  }
}

function isRecord(value: unknown): value is ProcessRecord {
  if (typeof value !== 'object' || value === null) return false;
  const record = value as Record<string, unknown>;
  return (
    typeof record.name === 'string' &&
    Number.isInteger(record.pid) &&
    Number(record.pid) > 1 &&
    Number.isInteger(record.startTicks) &&
    typeof record.bootId === 'string' &&
    typeof record.stopSignal === 'string' &&
    typeof record.startedAt === 'string' &&
    Array.isArray(record.listens)
  );
}

function recordFile(runDirectory: string, name: string): string {
  return join(runDirectory, `${name}.json`);
}
