// A number, whatever its Avro type: equality by a map of values, ranges by an interval tree.

import type { AvroType } from '../../../../schemas/avro/avro-type.ts';
import { doubleAt, floatAt, intAt, longAt } from '../scan/values.ts';
import { Attribute, type OnUse, type Visit } from './attribute.ts';
import type { EventView } from './event-view.ts';
import { type Interval, IntervalTree } from './intervals.ts';
import { Posting } from './posting.ts';

type Read = (b: Uint8Array, p: number) => number;

/** How numbers of a type are read; undefined for what is no number. */
export function numberReader({ kind }: AvroType): Read | undefined {
  switch (kind) {
    case 'int':
      return intAt;
    case 'long':
      return longAt;
    case 'float':
      return floatAt;
    case 'double':
      return doubleAt;
    default:
      return undefined;
  }
}

export class NumberAttribute extends Attribute {
  readonly #view: EventView;
  readonly #slot: number;
  readonly #read: Read;
  readonly #equal = new Map<number, Posting>();
  readonly #ranges = new IntervalTree();
  #serial = -1;
  #value = Number.NaN;

  constructor(view: EventView, slot: number, read: Read, onUse: OnUse) {
    super(onUse);
    this.#view = view;
    this.#slot = slot;
    this.#read = read;
  }

  /** NaN also when there is no value: no comparison is true of either. A long beyond 2^53 is the nearest number. */
  value(): number {
    const { serial, positions, bytes } = this.#view;
    if (this.#serial !== serial) {
      const at = positions.at[this.#slot] ?? -1;
      this.#value = at < 0 ? Number.NaN : this.#read(bytes, at);
      this.#serial = serial;
    }
    return this.#value;
  }

  isPresent(): boolean {
    return (this.#view.positions.at[this.#slot] ?? -1) >= 0;
  }

  equalTo(value: number): Posting {
    let posting = this.#equal.get(value);
    if (posting === undefined) {
      this.countPosting(1);
      posting = new Posting(() => {
        this.#equal.delete(value);
        this.countPosting(-1);
      });
      this.#equal.set(value, posting);
    }
    return posting;
  }

  inside(interval: Interval): Posting {
    let posting = this.#ranges.get(interval);
    if (posting === null) {
      this.countPosting(1);
      posting = new Posting(() => {
        this.#ranges.delete(interval);
        this.countPosting(-1);
      });
      this.#ranges.insert(interval, posting);
    }
    return posting;
  }

  visit(visit: Visit): void {
    const value = this.value();
    if (this.#equal.size > 0) {
      const posting = this.#equal.get(value);
      if (posting !== undefined) visit(posting);
    }
    this.#ranges.stab(value, visit);
  }
}
