// The priority of one thread. Linux keeps a niceness for every thread, which os.setPriority changes when it is given the
// kernel's id of the thread instead of a process's. Node does not tell that id; /proc does.

import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { basename } from 'node:path';

/**
 * Has the calling thread get about a tenth of a core's time while others want that core, and all of it while nobody does.
 *
 * @returns false where the system does not let a thread have its own priority (not Linux, or no /proc): nothing has changed
 */
export function leaveCoresToOthers(): boolean {
  if (process.platform !== 'linux') return false;
  try {
    setPriority(Number(basename(readlinkSync('/proc/thread-self'))), constants.priority.PRIORITY_BELOW_NORMAL);
    return true;
  } catch {
    return false;
  }
}
