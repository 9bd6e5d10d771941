// CPU time of another process, as the system counts it.

import { readFileSync } from 'node:fs';

/** USER_HZ of every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** @returns CPU-seconds since it started, threads included; 0 when the pid is 0 or there is no such process */
export function processCpuSeconds(pid: number): number {
  if (pid === 0) return 0;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the name before may hold spaces
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND; // proc(5): utime and stime
  } catch {
    return 0;
  }
}
