// Telling workers what they own: their assignments in Redis, written only where they differ, so that a Redis that forgot
// everything is filled again by the next round.

import type { Redis } from '../../platform/redis.ts';
import type { Assignment, RedisKeys } from '../../schemas/coordination.ts';
import { grantsOf, type HandoverPlan, type PartitionOwnership } from './handover.ts';

/** @returns assignment of each worker, as JSON text */
export function assignmentsOf(
  revisions: ReadonlyMap<string, number>,
  ownership: readonly PartitionOwnership[],
  { next, memory: { starts } }: Pick<HandoverPlan, 'next' | 'memory'>,
): Map<string, string> {
  const byWorker = new Map<string, PartitionOwnership[]>();
  for (const row of ownership) {
    if (row.owner.state !== 'owned') continue;
    const rows = byWorker.get(row.owner.workerId);
    if (rows === undefined) byWorker.set(row.owner.workerId, [row]);
    else rows.push(row);
  }
  return new Map(
    [...revisions].map(([workerId, revision]) => {
      const prepare = next.get(workerId);
      const assignment: Assignment = {
        workerId,
        revision,
        partitions: grantsOf(workerId, byWorker.get(workerId) ?? [], starts),
        ...(prepare ? { next: [...prepare] } : {}),
      };
      return [workerId, JSON.stringify(assignment)] as const;
    }),
  );
}

/** @returns ids of the workers that were told something new */
export async function writeAssignments(
  redis: Redis,
  keys: RedisKeys,
  assignments: ReadonlyMap<string, string>,
): Promise<string[]> {
  const workerIds = [...assignments.keys()];
  if (workerIds.length === 0) return [];
  const present = await redis.mget(workerIds.map(keys.assignment));
  const changed = workerIds.filter((workerId, i) => present[i] !== assignments.get(workerId));
  if (changed.length === 0) return [];
  const multi = redis.multi();
  for (const workerId of changed) {
    multi.set(keys.assignment(workerId), assignments.get(workerId) ?? '');
    multi.publish(keys.notifyAssignment, workerId);
  }
  await multi.exec();
  return changed;
}
