// One step of ownership in one transaction on the leader's own connection: read the truth, plan, write what changed.

import { addMissingPartitions, allPartitions, savePartitions } from '../store/partition-ownership.ts';
import type { Queryable } from '../store/queryable.ts';
import { allTopics, type TopicRow } from '../store/topics.ts';
import { allWorkers, saveRevisions } from '../store/workers.ts';
import { type HandoverPlan, type Observation, type PartitionOwnership, planHandover } from './handover.ts';
import type { LeaderMemory } from './leader-memory.ts';

export interface Step {
  readonly plan: HandoverPlan;
  /** After the step. */
  readonly ownership: readonly PartitionOwnership[];
  /** Revision of the assignment of every worker that ever got one. */
  readonly revisions: ReadonlyMap<string, number>;
  readonly topics: readonly TopicRow[];
}

/** @param db the connection that holds the leader's lock: when that is lost, nothing is written */
export async function takeStep(db: Queryable, seen: Observation, now: number, memory: LeaderMemory): Promise<Step> {
  await db.query('BEGIN');
  await addMissingPartitions(db);
  const topics = await allTopics(db);
  const before = await allPartitions(db);
  const workers = await allWorkers(db);
  const told = new Map(workers.map((row) => [row.workerId, row.assignmentRevision]));
  const plan = planHandover({ partitions: before, revisions: told }, seen, now, memory);
  if (plan.changed.length > 0) await savePartitions(db, plan.changed);
  if (plan.revisions.size > 0) await saveRevisions(db, plan.revisions);
  await db.query('COMMIT');
  const changed = new Map(plan.changed.map((row) => [`${row.topicId}/${row.partition}`, row]));
  const ownership = before.map((row) => changed.get(`${row.topicId}/${row.partition}`) ?? row);
  return { plan, ownership, revisions: new Map([...told, ...plan.revisions]), topics };
}
