// CPU time of a process that somebody else runs, and that may be gone.

import { cpuSecondsOf } from '../../load/process-usage.ts';

/** @returns CPU-seconds since it started, threads included; 0 when the pid is 0 or there is no such process */
export function processCpuSeconds(pid: number): number {
  if (pid === 0) return 0;
  try {
    return cpuSecondsOf(pid);
  } catch {
    return 0;
  }
}
