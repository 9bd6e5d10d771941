// CPU time and memory of processes, from /proc. Source: proc(5).

import { readFileSync, writeFileSync } from 'node:fs';
import { reasonOf } from '../../schemas/errors.ts';

/** USER_HZ, which Linux has kept at 100 for programs on all architectures that Node runs on. */
const TICKS_PER_SECOND = 100;

/** CPU seconds of a process so far, all its threads, user and system. */
export const cpuSecondsOf = (pid: number): number => cpuSecondsIn(readFileSync(`/proc/${pid}/stat`, 'latin1'));

/** @param stat a line of /proc/<pid>/stat; the name in it may hold anything, brackets and spaces too */
export function cpuSecondsIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  if (!Number.isFinite(user + system)) throw new Error(`no CPU times in ${JSON.stringify(stat)}`);
  return (user + system) / TICKS_PER_SECOND;
}

/** Highest resident memory since the process began, or since `resetPeak`. */
export const peakBytesOf = (pid: number): number => statusBytes(readFileSync(`/proc/${pid}/status`, 'latin1'), 'VmHWM');

export const residentBytesOf = (pid: number): number =>
  statusBytes(readFileSync(`/proc/${pid}/status`, 'latin1'), 'VmRSS');

export function statusBytes(status: string, field: 'VmHWM' | 'VmRSS'): number {
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  if (kilobytes === undefined) throw new Error(`no ${field} in /proc/<pid>/status`);
  return Number(kilobytes) * 1024;
}

/** Begins a new peak; only for processes of the same user. @returns why it could not */
export function resetPeak(pid: number): string | null {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}
