// What each edge wants, as far as this worker knows, and what a change of that means for the kernels. Pure: the reading
// from Redis stands in interest-reader.ts.

import type { Interest, InterestChange } from '../../schemas/coordination.ts';
import type { PlanDelta } from './kernel/plan-delta.ts';

interface EdgeInterest {
  seq: number;
  readonly channels: Map<string, Interest>;
}

export type ChangeOutcome = 'applied' | 'stale' | 'jump';

export class InterestTable {
  readonly #edges = new Map<string, EdgeInterest>();
  readonly #emit: (delta: PlanDelta) => void;

  /** @param emit gets each delta, in order */
  constructor(emit: (delta: PlanDelta) => void) {
    this.#emit = emit;
  }

  edgeIds(): string[] {
    return [...this.#edges.keys()];
  }

  /** Number of the last change known of an edge, -1 for an edge that is not known. */
  seqOf(edgeId: string): number {
    return this.#edges.get(edgeId)?.seq ?? -1;
  }

  /** All that an edge wants of a topic; null when nothing is known of the edge. */
  interestOf(edgeId: string, topicId: number): Interest[] | null {
    const edge = this.#edges.get(edgeId);
    return edge ? [...edge.channels.values()].filter((interest) => interest.topicId === topicId) : null;
  }

  get channelCount(): number {
    let count = 0;
    for (const { channels } of this.#edges.values()) count += channels.size;
    return count;
  }

  /** @returns `jump` when a change was missed, so that all of the edge must be read; nothing is changed then */
  applyChange({ edgeId, seq, add, remove }: InterestChange): ChangeOutcome {
    const edge = this.#edges.get(edgeId);
    const known = edge?.seq ?? 0;
    if (edge && seq <= known) return 'stale';
    if (seq !== known + 1) return 'jump';
    const into = edge ?? { seq: 0, channels: new Map() };
    if (!edge) this.#edges.set(edgeId, into);
    into.seq = seq;
    for (const { channel, generation } of remove) this.#remove(edgeId, into, channel, generation);
    for (const interest of add) this.#add(edgeId, into, interest);
    return 'applied';
  }

  /** All of an edge's interest, as read in one piece; an older reading than what is known is left alone. */
  replace(edgeId: string, seq: number, interests: readonly Interest[]): void {
    const edge = this.#edges.get(edgeId) ?? { seq, channels: new Map() };
    if (seq < edge.seq) return;
    this.#edges.set(edgeId, edge);
    edge.seq = seq;
    const wanted = new Set(interests.map(({ channel }) => channel));
    for (const { channel, generation } of [...edge.channels.values()]) {
      if (!wanted.has(channel)) this.#remove(edgeId, edge, channel, generation);
    }
    for (const interest of interests) this.#add(edgeId, edge, interest);
  }

  drop(edgeId: string): void {
    if (this.#edges.delete(edgeId)) this.#emit({ kind: 'drop-lane', lane: edgeId });
  }

  #add(lane: string, edge: EdgeInterest, interest: Interest): void {
    const { channel, generation, topicId, plan } = interest;
    if (edge.channels.get(channel)?.generation === generation) return;
    edge.channels.set(channel, interest);
    this.#emit({ kind: 'add', lane, channel, generation, topicId, plan });
  }

  #remove(lane: string, edge: EdgeInterest, channel: string, generation: number): void {
    const known = edge.channels.get(channel);
    if (!known || known.generation > generation) return;
    edge.channels.delete(channel);
    this.#emit({ kind: 'remove', lane, channel, generation });
  }
}
