// Numbers for assignments: a worker tells old from new by them, and by them the leader sees what a worker has applied.

import type { WorkerView } from './handover.ts';

/** Gives each worker at most one new revision in a plan, above everything it was ever told or has applied. */
export class RevisionBook {
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
