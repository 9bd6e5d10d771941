// Moving partitions between workers without two owners at once: a pure state machine that the leader runs every loop.
//
//            grant: epoch + 1         revoke, when the next is prepared       released, overdue, or the owner is dead
//   unowned ─────────────────▶ owned ───────────────────────────────▶ revoking ─────────────────────────────────▶ unowned
//      ▲                          └──────────────────────── the owner is dead ───────────────────────────────────────┘
//
// An owner keeps working until its heartbeat shows that it has finished: it names the partition among those given back, or
// has applied the revoking assignment and lacks it. Only then, or when it is dead or took too long, somebody else gets a
// higher epoch (docs/decisions/0014).

import type { OwnedPartition, PartitionGrant, PartitionPlace, ReleasedPartition } from '../../schemas/coordination.ts';
import { assign, type PartitionKey, partitionKey } from './assign.ts';
import { type LeaderMemory, NO_MEMORY, type PartitionStart, Waits } from './leader-memory.ts';
import { RevisionBook } from './revision-book.ts';

/**
 * 10 s: a worker gives up by itself 7 s after it was told (workers/stream/partition-owner.ts), and is told within the 2.5 s
 * for which a heartbeat proves it alive; what holds a partition beyond that never lets go of it.
 */
const RELEASE_DEADLINE_MS = 10_000;
/** 1 s: preparing takes some 50 ms, and a worker that cannot is no reason not to move. */
const PREPARE_DEADLINE_MS = 1000;

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
  readonly owned: readonly (PartitionGrant & Partial<Pick<OwnedPartition, 'nextOffset'>>)[];
  readonly released?: readonly ReleasedPartition[];
  readonly prepared?: readonly PartitionPlace[];
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
  /** What each worker is to prepare. */
  readonly next: ReadonlyMap<string, readonly PartitionPlace[]>;
  /** For the next round. */
  readonly memory: LeaderMemory;
  readonly granted: number;
  readonly revoked: number;
  readonly released: number;
  /** Released because they were overdue. */
  readonly forced: number;
}

/**
 * @param now ms since 1970
 * @returns what to write: first the truth (Postgres), then the assignments (Redis)
 */
export function planHandover(
  state: OwnershipState,
  seen: Observation,
  now: number,
  memory: LeaderMemory = NO_MEMORY,
): HandoverPlan {
  return new Round(state, seen, now, memory).plan();
}

const UNOWNED = { state: 'unowned' } as const;

/** What a worker is to be told: the partitions it owns and keeps. */
export function grantsOf(
  workerId: string,
  partitions: readonly PartitionOwnership[],
  starts: LeaderMemory['starts'] = new Map(),
): PartitionGrant[] {
  return partitions
    .filter(({ owner }) => owner.state === 'owned' && owner.workerId === workerId)
    .map(({ topicId, partition, epoch }) => {
      const start = starts.get(partitionKey(topicId, partition));
      return { topicId, partition, epoch, ...(start?.epoch === epoch ? { startOffset: start.offset } : {}) };
    });
}

class Round {
  readonly #state: OwnershipState;
  readonly #seen: Observation;
  readonly #live: ReadonlyMap<string, WorkerView>;
  readonly #mayDeclareDead: boolean;
  readonly #waits: Waits;
  readonly #starts: Map<PartitionKey, PartitionStart>;
  readonly #claims: ReadonlyMap<PartitionKey, readonly Claim[]>;
  readonly #revisions: RevisionBook;
  readonly #next = new Map<string, PartitionPlace[]>();
  readonly #counts = { granted: 0, revoked: 0, released: 0, forced: 0 };

  constructor(state: OwnershipState, seen: Observation, now: number, memory: LeaderMemory) {
    this.#state = state;
    this.#seen = seen;
    this.#live = new Map(seen.workers.map((worker) => [worker.workerId, worker]));
    this.#mayDeclareDead = now - seen.observingSinceMs >= seen.heartbeatTtlMs;
    this.#waits = new Waits(memory.waiting, now);
    this.#starts = new Map(memory.starts);
    this.#claims = claimsOf(seen.workers);
    this.#revisions = new RevisionBook(state.revisions, this.#live);
  }

  plan(): HandoverPlan {
    const { partitions, revisions } = this.#state;
    for (const row of partitions) this.#forgetStart(row);
    const settled = partitions.map((row) => this.#settle(row));
    const targets = targetsOf(
      settled.map(({ row }) => row),
      this.#live,
      this.#seen.weights,
    );
    const changed: PartitionOwnership[] = [];
    for (const [i, before] of partitions.entries()) {
      const { row, isForced } = settled[i] ?? { row: before, isForced: false };
      const target = targets.get(partitionKey(row.topicId, row.partition));
      const after = this.#nextOwner(row, isForced ? this.#elsewhere(target, before) : target, isForced);
      // A dead worker that comes back must find an assignment without what it lost.
      if (row !== before && before.owner.state === 'owned') this.#revisions.bump(before.owner.workerId);
      if (after !== before) changed.push(after);
    }
    for (const { workerId } of this.#seen.workers) if (!revisions.has(workerId)) this.#revisions.bump(workerId);
    const memory = { waiting: this.#waits.now, starts: this.#starts };
    return { changed, revisions: this.#revisions.bumped, next: this.#next, memory, ...this.#counts };
  }

  /** Whoever begins with an offset needs it only once. */
  #forgetStart({ topicId, partition, epoch, owner }: PartitionOwnership): void {
    const key = partitionKey(topicId, partition);
    const start = this.#starts.get(key);
    if (!start) return;
    const view = owner.state === 'owned' ? this.#live.get(owner.workerId) : undefined;
    const held = view?.owned.find((one) => one.topicId === topicId && one.partition === partition);
    const hasBegun = held?.epoch === epoch && (held.nextOffset ?? -1) >= 0;
    if (start.epoch !== epoch || hasBegun) this.#starts.delete(key);
  }

  /** @returns the row without its owner when that one has let go, or has to */
  #settle(row: PartitionOwnership): { readonly row: PartitionOwnership; readonly isForced: boolean } {
    const { owner, topicId, partition, epoch } = row;
    if (owner.state === 'unowned') return { row, isForced: false };
    const view = this.#live.get(owner.workerId);
    const isDead = this.#mayDeclareDead && view === undefined;
    const given = view?.released?.find(
      (one) => one.topicId === topicId && one.partition === partition && one.epoch === epoch,
    );
    if (given) this.#starts.set(partitionKey(topicId, partition), { epoch, offset: given.nextOffset });
    const isReleased = isDead || given !== undefined || (view !== undefined && hasLetGo(row, view));
    const isForced = !isReleased && owner.state === 'revoking' && this.#isOverdue(row);
    if (!isReleased && !isForced) return { row, isForced };
    this.#counts.released++;
    if (isForced) this.#counts.forced++;
    return { row: { ...row, owner: UNOWNED }, isForced };
  }

  #isOverdue({ topicId, partition, epoch }: PartitionOwnership): boolean {
    return this.#waits.isOver(`release ${topicId}/${partition} ${epoch}`, RELEASE_DEADLINE_MS);
  }

  /** A worker that does not let go of a partition is not given it again, as long as there is another one. */
  #elsewhere(target: string | undefined, { owner }: PartitionOwnership): string | undefined {
    if (owner.state === 'unowned' || target !== owner.workerId) return target;
    const others = this.#seen.workers.filter(({ workerId, state }) => state === 'running' && workerId !== target);
    return others.sort((a, b) => a.owned.length - b.owned.length)[0]?.workerId ?? target;
  }

  #nextOwner(row: PartitionOwnership, target: string | undefined, isForced: boolean): PartitionOwnership {
    const { owner } = row;
    switch (owner.state) {
      case 'revoking':
        this.#prepare(row, target);
        return row;
      case 'owned': {
        if (owner.workerId === target || !this.#prepare(row, target)) return row;
        const releaseRevision = this.#revisions.bump(owner.workerId);
        this.#counts.revoked++;
        return { ...row, owner: { state: 'revoking', workerId: owner.workerId, releaseRevision } };
      }
      case 'unowned': {
        if (target === undefined || (!isForced && this.#isClaimed(row, target))) return row;
        return this.#grant(row, target);
      }
    }
  }

  /** @returns true when the target can begin at once, or there is none, or it had its time */
  #prepare({ topicId, partition }: PartitionOwnership, target: string | undefined): boolean {
    if (target === undefined) return true;
    const places = this.#next.get(target) ?? [];
    this.#next.set(target, [...places, { topicId, partition }]);
    const prepared = this.#live.get(target)?.prepared ?? [];
    if (prepared.some((one) => one.topicId === topicId && one.partition === partition)) return true;
    return this.#waits.isOver(`prepare ${topicId}/${partition} ${target}`, PREPARE_DEADLINE_MS);
  }

  /** Somebody alive still works on it (a worker that was taken for dead): it is told so, and drops it first. */
  #isClaimed(row: PartitionOwnership, target: string): boolean {
    const claims = this.#claims.get(partitionKey(row.topicId, row.partition)) ?? [];
    return claims.some(({ workerId }) => workerId !== target) && !this.#isOverdue(row);
  }

  #grant(row: PartitionOwnership, target: string): PartitionOwnership {
    const key = partitionKey(row.topicId, row.partition);
    const claims = this.#claims.get(key) ?? [];
    const epoch = Math.max(row.epoch, ...claims.map((claim) => claim.epoch)) + 1;
    const start = this.#starts.get(key);
    if (start) this.#starts.set(key, { ...start, epoch });
    this.#revisions.bump(target);
    this.#counts.granted++;
    return { ...row, epoch, owner: { state: 'owned', workerId: target } };
  }
}

/** It has applied the assignment that takes the partition away, and lacks it. */
function hasLetGo({ owner, topicId, partition }: PartitionOwnership, view: WorkerView): boolean {
  if (owner.state !== 'revoking' || view.assignmentRevision < owner.releaseRevision) return false;
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
