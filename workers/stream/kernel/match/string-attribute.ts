// A string: equality by one hash of the whole, prefixes by the same hash at each length that some filter asks for.

import { type ByteTable, EMPTY_HASH, hashStep, steppedHash, ByteTable as Table } from '../scan/byte-table.ts';
import { behindVarint, intAt } from '../scan/values.ts';
import { Attribute, type OnUse, type Visit } from './attribute.ts';
import type { EventView } from './event-view.ts';
import { Posting } from './posting.ts';

export class StringAttribute extends Attribute {
  readonly #view: EventView;
  readonly #slot: number;
  readonly #constants: ByteTable = new Table();
  readonly #equal: (Posting | undefined)[] = [];
  readonly #prefixes: ByteTable = new Table(steppedHash);
  readonly #starting: (Posting | undefined)[] = [];
  /** Lengths of prefixes with postings, rising, and how many postings have each. */
  readonly #lengths: number[] = [];
  readonly #lengthUsers: number[] = [];
  #serial = -1;
  #start = 0;
  #length = -1;
  #constant = -1;

  constructor(view: EventView, slot: number, onUse: OnUse) {
    super(onUse);
    this.#view = view;
    this.#slot = slot;
  }

  /** @returns the number by which `constant()` gives this text */
  retain(text: Uint8Array): number {
    this.#serial = -1;
    return this.#constants.retain(text);
  }

  release(constant: number): void {
    this.#constants.release(constant);
  }

  /** Which of the retained texts the event's value is; -1 for none, and when there is no value. */
  constant(): number {
    if (this.#serial !== this.#view.serial) this.#read();
    return this.#constant;
  }

  isPresent(): boolean {
    return (this.#view.positions.at[this.#slot] ?? -1) >= 0;
  }

  startsWith(prefix: Uint8Array): boolean {
    if (this.#serial !== this.#view.serial) this.#read();
    if (this.#length < prefix.length) return false;
    const { bytes } = this.#view;
    for (let i = 0; i < prefix.length; i++) if (bytes[this.#start + i] !== prefix[i]) return false;
    return true;
  }

  /** The posting of a retained text. */
  equalTo(constant: number): Posting {
    return this.#equal[constant] ?? this.#newEqual(constant);
  }

  startingWith(prefix: Uint8Array): Posting {
    const known = this.#prefixes.find(prefix, 0, prefix.length);
    return (known >= 0 ? this.#starting[known] : undefined) ?? this.#newPrefix(prefix);
  }

  visit(visit: Visit): void {
    if (this.#serial !== this.#view.serial) this.#read();
    if (this.#constant >= 0) {
      const posting = this.#equal[this.#constant];
      if (posting !== undefined) visit(posting);
    }
    if (this.#lengths.length > 0 && this.#length >= 0) this.#visitPrefixes(visit);
  }

  #visitPrefixes(visit: Visit): void {
    const { bytes } = this.#view;
    let hash = EMPTY_HASH;
    let at = 0;
    for (const length of this.#lengths) {
      if (length > this.#length) return;
      for (; at < length; at++) hash = hashStep(hash, bytes[this.#start + at] ?? 0);
      const prefix = this.#prefixes.findHashed(bytes, this.#start, length, hash);
      const posting = prefix < 0 ? undefined : this.#starting[prefix];
      if (posting !== undefined) visit(posting);
    }
  }

  #read(): void {
    const { bytes, positions, serial } = this.#view;
    this.#serial = serial;
    const at = positions.at[this.#slot] ?? -1;
    if (at < 0) {
      this.#length = -1;
      this.#constant = -1;
      return;
    }
    this.#length = intAt(bytes, at);
    // A writer may use more bytes for a length than it needs.
    this.#start = (bytes[at] ?? 0) < 0x80 ? at + 1 : behindVarint(bytes, at);
    this.#constant = this.#constants.find(bytes, this.#start, this.#length);
  }

  #newEqual(constant: number): Posting {
    this.countPosting(1);
    const posting = new Posting(() => {
      this.#equal[constant] = undefined;
      this.countPosting(-1);
    });
    this.#equal[constant] = posting;
    return posting;
  }

  #newPrefix(prefix: Uint8Array): Posting {
    const id = this.#prefixes.retain(prefix);
    const posting = new Posting(() => {
      this.#starting[id] = undefined;
      this.#prefixes.release(id);
      this.#countLength(prefix.length, -1);
      this.countPosting(-1);
    });
    this.#starting[id] = posting;
    this.#countLength(prefix.length, 1);
    this.countPosting(1);
    return posting;
  }

  #countLength(length: number, by: 1 | -1): void {
    const users = (this.#lengthUsers[length] ?? 0) + by;
    this.#lengthUsers[length] = users;
    if (by === 1 && users === 1) {
      this.#lengths.push(length);
      this.#lengths.sort((a, b) => a - b);
    }
    if (users === 0) this.#lengths.splice(this.#lengths.indexOf(length), 1);
  }
}
