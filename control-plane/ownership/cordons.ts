// Workers that an operator wants without partitions. Pure.

import type { WorkerView } from './handover.ts';

/**
 * A cordoned worker counts as one that drains: it hands over what it has, and gets nothing. When no other worker runs, the
 * cordon waits: a partition without an owner is worse than a worker that is not empty.
 */
export function withCordons<Worker extends Pick<WorkerView, 'workerId' | 'state'>>(
  workers: readonly Worker[],
  cordoned: ReadonlySet<string>,
): readonly Worker[] {
  const isFree = ({ workerId, state }: Worker): boolean => state === 'running' && !cordoned.has(workerId);
  if (cordoned.size === 0 || !workers.some(isFree)) return workers;
  return workers.map((worker) => (cordoned.has(worker.workerId) ? { ...worker, state: 'draining' } : worker));
}
