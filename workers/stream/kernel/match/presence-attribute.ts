// Whether there is a value at all: has(field), "key" in labels.

import { Attribute, type OnUse, type Visit } from './attribute.ts';
import type { EventView } from './event-view.ts';
import { Posting } from './posting.ts';

export class PresenceAttribute extends Attribute {
  readonly #view: EventView;
  readonly #slot: number;
  #posting: Posting | null = null;

  constructor(view: EventView, slot: number, onUse: OnUse) {
    super(onUse);
    this.#view = view;
    this.#slot = slot;
  }

  isPresent(): boolean {
    return (this.#view.positions.at[this.#slot] ?? -1) >= 0;
  }

  posting(): Posting {
    if (this.#posting === null) {
      this.countPosting(1);
      this.#posting = new Posting(() => {
        this.#posting = null;
        this.countPosting(-1);
      });
    }
    return this.#posting;
  }

  visit(visit: Visit): void {
    if (this.#posting !== null && this.isPresent()) visit(this.#posting);
  }
}
