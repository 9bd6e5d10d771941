// A posting: the channels that are candidates when one value is seen. A channel is filed in as many postings as its filter
// has ways to be true, each time with what else must hold there.

import type { Predicate } from './predicate.ts';

/** Whoever wants events; `serial` says for which event it was last found. */
export interface Candidate {
  serial: number;
}

export interface Filing<C extends Candidate = Candidate> {
  readonly candidate: C;
  /** All must be true, besides what the posting itself says. */
  readonly rest: readonly Predicate[];
  posting: Posting<C> | null;
  /** Place in the posting. */
  at: number;
}

export class Posting<C extends Candidate = Candidate> {
  readonly filings: Filing<C>[] = [];
  /** How often it was looked at since the index began to count. */
  visits = 0;
  readonly #onEmpty: () => void;

  /** @param onEmpty takes the posting out of where it can be found */
  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty;
  }

  add(filing: Filing<C>): void {
    filing.posting = this;
    filing.at = this.filings.push(filing) - 1;
  }

  remove(filing: Filing<C>): void {
    const last = this.filings.pop();
    if (last !== undefined && last !== filing) {
      this.filings[filing.at] = last;
      last.at = filing.at;
    }
    filing.posting = null;
    if (this.filings.length === 0) this.#onEmpty();
  }
}
