// Deltas on their way to a kernel thread. Bounded by what there is to say: a channel that is added and removed again while
// the thread is busy leaves only its last word.

import type { PlanDelta } from './kernel/plan-delta.ts';

export class DeltaQueue {
  /** In order; deltas that a later one makes void are gone. */
  readonly #deltas = new Map<string, PlanDelta>();
  #unkeyed = 0;

  get isEmpty(): boolean {
    return this.#deltas.size === 0;
  }

  push(delta: PlanDelta): void {
    const key = this.#keyOf(delta);
    if (delta.kind === 'drop-lane') this.#forgetLane(delta.lane);
    this.#deltas.delete(key); // so that it comes last
    this.#deltas.set(key, delta);
  }

  takeAll(): PlanDelta[] {
    const deltas = [...this.#deltas.values()];
    this.#deltas.clear();
    return deltas;
  }

  #keyOf(delta: PlanDelta): string {
    switch (delta.kind) {
      case 'add':
      case 'remove':
        return `channel ${delta.lane} ${delta.channel}`;
      case 'drop-lane':
        return `lane ${delta.lane}`;
      case 'schema':
        return `schema ${delta.schemaId}`;
      default:
        return `${this.#unkeyed++}`;
    }
  }

  #forgetLane(lane: string): void {
    for (const [key, delta] of this.#deltas) {
      if ((delta.kind === 'add' || delta.kind === 'remove') && delta.lane === lane) this.#deltas.delete(key);
    }
  }
}
