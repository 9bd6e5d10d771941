// Which acknowledgements of a consumer are stored, as it was promised to be told. Pure.
//
//   seq 1…4: waits for shards 0 and 2 to be stored   ◀ the round that is being waited for
//   seq 5…9: shard 0                                  ◀ what came meanwhile is the next round

import type { ShardLead } from './shard-lead.ts';

type Lead = Pick<ShardLead, 'shard' | 'isStored' | 'isSuperseded'>;

interface Round {
  seq: number;
  /** Shard → the version of it that holds the acknowledgements. */
  readonly needs: Map<Lead, number>;
}

export interface Settled {
  /** Everything up to this number was stored. */
  readonly acked: number | null;
  /** Shards that went to somebody else before that. */
  readonly lost: { readonly seq: number; readonly shards: readonly number[] } | null;
}

export class StoredAnswers {
  #round: Round | null = null;
  #next: Round | null = null;

  /** @param touched what must be stored for it, as it is now */
  add(seq: number, touched: Iterable<readonly [Lead, number]>): void {
    this.#next ??= { seq, needs: new Map() };
    this.#next.seq = Math.max(this.#next.seq, seq);
    for (const [lead, version] of touched) this.#next.needs.set(lead, version);
    this.#round ??= this.#takeNext();
  }

  /** What is known by now; null: nothing new. */
  settle(): Settled | null {
    let acked: number | null = null;
    const lost = new Set<number>();
    let lostSeq = 0;
    while (this.#round !== null) {
      const { seq, needs } = this.#round;
      for (const [lead, version] of needs) {
        if (lead.isStored(version)) needs.delete(lead);
        else if (lead.isSuperseded) {
          needs.delete(lead);
          lost.add(lead.shard);
          lostSeq = seq;
        }
      }
      if (needs.size > 0) break;
      acked = seq;
      this.#round = this.#takeNext();
    }
    if (acked === null && lost.size === 0) return null;
    return { acked, lost: lost.size === 0 ? null : { seq: lostSeq, shards: [...lost] } };
  }

  #takeNext(): Round | null {
    const next = this.#next;
    this.#next = null;
    return next;
  }
}
