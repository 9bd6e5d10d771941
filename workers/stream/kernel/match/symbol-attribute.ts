// An enum or a boolean: few values, so whatever a filter says about one is a table, and postings are found by index.

import { intAt } from '../scan/values.ts';
import { Attribute, type OnUse, type Visit } from './attribute.ts';
import type { EventView } from './event-view.ts';
import { Posting } from './posting.ts';

export class SymbolAttribute extends Attribute {
  readonly #view: EventView;
  readonly #slot: number;
  readonly #isBoolean: boolean;
  readonly #postings: (Posting | undefined)[] = [];

  constructor(view: EventView, slot: number, isBoolean: boolean, onUse: OnUse) {
    super(onUse);
    this.#view = view;
    this.#slot = slot;
    this.#isBoolean = isBoolean;
  }

  /** The symbol's index, or 0 and 1 for false and true; -1 for null. */
  index(): number {
    const { positions, bytes } = this.#view;
    const at = positions.at[this.#slot] ?? -1;
    if (at < 0) return -1;
    return this.#isBoolean ? (bytes[at] ?? 0) : intAt(bytes, at);
  }

  equalTo(index: number): Posting {
    return this.#postings[index] ?? this.#newPosting(index);
  }

  visit(visit: Visit): void {
    const index = this.index();
    const posting = index < 0 ? undefined : this.#postings[index];
    if (posting !== undefined) visit(posting);
  }

  #newPosting(index: number): Posting {
    this.countPosting(1);
    const posting = new Posting(() => {
      this.#postings[index] = undefined;
      this.countPosting(-1);
    });
    this.#postings[index] = posting;
    return posting;
  }
}
