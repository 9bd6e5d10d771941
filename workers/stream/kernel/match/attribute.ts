// Attributes: values that filters look at, read from the event once however many filters ask, and the postings under which
// channels are filed by them. One file for each kind; this one says what they have in common.

import type { Posting } from './posting.ts';

/** Called for each posting that the event's value leads to. */
export type Visit = (posting: Posting) => void;

export abstract class Attribute {
  /** Postings with channels in them. */
  #postings = 0;
  readonly #onUse: (attribute: Attribute, isInUse: boolean) => void;

  /** @param onUse told when the first posting comes and when the last one goes */
  constructor(onUse: (attribute: Attribute, isInUse: boolean) => void) {
    this.#onUse = onUse;
  }

  /** Looks up the event at hand. */
  abstract visit(visit: Visit): void;

  protected countPosting(by: 1 | -1): void {
    const before = this.#postings;
    this.#postings += by;
    if (before === 0 || this.#postings === 0) this.#onUse(this, this.#postings > 0);
  }
}

export type OnUse = ConstructorParameters<typeof Attribute>[0];
