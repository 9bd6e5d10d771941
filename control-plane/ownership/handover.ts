// Moving partitions between workers without two owners at once: a pure state machine that the leader runs every loop.
//
//            grant: epoch + 1                revoke                     released, or the owner is dead
//   unowned ─────────────────▶ owned ─────────────────▶ revoking ─────────────────────────────────────▶ unowned
//      ▲                          └────────────── the owner is dead ───────────────────────────────────────┘
//
// An owner keeps working until it shows, by a heartbeat that has applied the revoking assignment and lacks the partition,
// that it has finished and committed. Only then, or when it is dead, somebody else gets a higher epoch.

import type { OwnedPartition, PartitionGrant } from '../../schemas/coordination.ts';
import { assign, type PartitionKey, partitionKey } from './assign.ts';

export interface PartitionOwnership {
  readonly topicId: number;
  readonly partition: number;
  /** Epoch of the last grant; 0 when there was none yet. */
  readonly epoch: number;
  readonly owner:
    | { readonly state: 'unowned' }
    | { readonly state: 'owned'; readonly workerId: string }
    | { readonly state: 'revoking'; readonly workerId: string; readonly releaseRevision: number };
  /** True while the topic is being deleted: nobody may get it. */
  readonly retired: boolean;
}

export interface OwnershipState {
  readonly partitions: readonly PartitionOwnership[];
  /** Revision of the assignment each worker was last told; workers never told anything are missing. */
  readonly revisions: ReadonlyMap<string, number>;
}

/** What a heartbeat says about ownership. */
export interface WorkerView {
  readonly workerId: string;
  readonly state: 'running' | 'draining';
  readonly assignmentRevision: number;
  readonly owned: readonly Pick<OwnedPartition, 'topicId' | 'partition' | 'epoch'>[];
}

export interface Observation {
  readonly workers: readonly WorkerView[];
  /** Since when missing heartbeats would have been noticed: start of leadership, or Redis coming back; ms since 1970. */
  readonly observingSinceMs: number;
  readonly heartbeatTtlMs: number;
  /** Work of each partition, 1 = average; missing ones count 1. */
  readonly weights: ReadonlyMap<PartitionKey, number>;
}

export interface HandoverPlan {
  /** Rows that differ from the state given. */
  readonly changed: readonly PartitionOwnership[];
  /** Workers whose assignment changes, with its new revision. */
  readonly revisions: ReadonlyMap<string, number>;
  readonly granted: number;
  readonly revoked: number;
  readonly released: number;
}

/**
 * @param now ms since 1970
 * @returns what to write: first the truth (Postgres), then the assignments (Redis)
 */
export function planHandover(state: OwnershipState, seen: Observation, now: number): HandoverPlan {
  const live = new Map(seen.workers.map((worker) => [worker.workerId, worker]));
  const mayDeclareDead = now - seen.observingSinceMs >= seen.heartbeatTtlMs;
  const isDead = (workerId: string): boolean => mayDeclareDead && !live.has(workerId);
  const settled = state.partitions.map((row) => (isReleased(row, live, isDead) ? { ...row, owner: UNOWNED } : row));
  const targets = targetsOf(settled, live, seen.weights);
  const claims = claimsOf(seen.workers);
  const revisions = new RevisionBook(state.revisions, live);
  const counts = { granted: 0, revoked: 0, released: 0 };
  const changed: PartitionOwnership[] = [];
  for (const [i, before] of state.partitions.entries()) {
    const row = settled[i] ?? before;
    const key = partitionKey(row.topicId, row.partition);
    const target = targets.get(key);
    const after = nextOwner(row, target, claims.get(key) ?? [], revisions);
    if (row !== before) {
      counts.released++;
      // A dead worker that comes back must find an assignment without what it lost.
      if (before.owner.state === 'owned') revisions.bump(before.owner.workerId);
    }
    if (after.owner.state === 'owned' && after !== row) counts.granted++;
    if (after.owner.state === 'revoking' && after !== row) counts.revoked++;
    if (after !== before) changed.push(after);
  }
  for (const { workerId } of seen.workers) if (!state.revisions.has(workerId)) revisions.bump(workerId);
  return { changed, revisions: revisions.bumped, ...counts };
}

const UNOWNED = { state: 'unowned' } as const;

/** What a worker is to be told: the partitions it owns and keeps. */
export function grantsOf(workerId: string, partitions: readonly PartitionOwnership[]): PartitionGrant[] {
  return partitions
    .filter(({ owner }) => owner.state === 'owned' && owner.workerId === workerId)
    .map(({ topicId, partition, epoch }) => ({ topicId, partition, epoch }));
}

function isReleased(
  { owner, topicId, partition }: PartitionOwnership,
  live: ReadonlyMap<string, WorkerView>,
  isDead: (workerId: string) => boolean,
): boolean {
  if (owner.state === 'unowned') return false;
  if (isDead(owner.workerId)) return true;
  const view = live.get(owner.workerId);
  if (owner.state === 'owned' || view === undefined || view.assignmentRevision < owner.releaseRevision) return false;
  return !view.owned.some((held) => held.topicId === topicId && held.partition === partition);
}

/** Workers that own something and are not known to be dead count as eligible, so that a restart of Redis moves nothing. */
function targetsOf(
  rows: readonly PartitionOwnership[],
  live: ReadonlyMap<string, WorkerView>,
  weights: ReadonlyMap<PartitionKey, number>,
): Map<PartitionKey, string> {
  const eligible = new Set([...live.values()].filter(({ state }) => state === 'running').map((view) => view.workerId));
  const current = new Map<PartitionKey, string>();
  for (const { owner, topicId, partition } of rows) {
    if (owner.state !== 'owned') continue;
    if (!live.has(owner.workerId)) eligible.add(owner.workerId);
    current.set(partitionKey(topicId, partition), owner.workerId);
  }
  const wanted = rows
    .filter(({ retired }) => !retired)
    .map(({ topicId, partition }) => partitionKey(topicId, partition))
    .map((key) => ({ key, weight: weights.get(key) ?? 1 }));
  return assign(wanted, [...eligible], current);
}

function nextOwner(
  row: PartitionOwnership,
  target: string | undefined,
  claims: readonly Claim[],
  revisions: RevisionBook,
): PartitionOwnership {
  const { owner } = row;
  switch (owner.state) {
    case 'revoking':
      return row;
    case 'owned': {
      if (owner.workerId === target) return row;
      const releaseRevision = revisions.bump(owner.workerId);
      return { ...row, owner: { state: 'revoking', workerId: owner.workerId, releaseRevision } };
    }
    case 'unowned': {
      // Somebody alive still works on it (a worker that was taken for dead): it is told so, and drops it first.
      if (target === undefined || claims.some(({ workerId }) => workerId !== target)) return row;
      const epoch = Math.max(row.epoch, ...claims.map((claim) => claim.epoch)) + 1;
      revisions.bump(target);
      return { ...row, epoch, owner: { state: 'owned', workerId: target } };
    }
  }
}

interface Claim {
  readonly workerId: string;
  readonly epoch: number;
}

function claimsOf(workers: readonly WorkerView[]): Map<PartitionKey, Claim[]> {
  const claims = new Map<PartitionKey, Claim[]>();
  for (const { workerId, owned } of workers) {
    for (const { topicId, partition, epoch } of owned) {
      const key = partitionKey(topicId, partition);
      claims.set(key, [...(claims.get(key) ?? []), { workerId, epoch }]);
    }
  }
  return claims;
}

/** Gives each worker at most one new revision in a plan, above everything it was ever told or has applied. */
class RevisionBook {
  readonly bumped = new Map<string, number>();
  readonly #known: ReadonlyMap<string, number>;
  readonly #live: ReadonlyMap<string, WorkerView>;

  constructor(known: ReadonlyMap<string, number>, live: ReadonlyMap<string, WorkerView>) {
    this.#known = known;
    this.#live = live;
  }

  bump(workerId: string): number {
    const before = Math.max(this.#known.get(workerId) ?? 0, this.#live.get(workerId)?.assignmentRevision ?? 0);
    const revision = this.bumped.get(workerId) ?? before + 1;
    this.bumped.set(workerId, revision);
    return revision;
  }
}
