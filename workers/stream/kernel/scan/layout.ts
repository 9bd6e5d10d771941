// Where the values of an event are found: each field that is reached through records alone has a place, whose position the
// scanner notes for every event; each wanted key of such a map gets one while a filter reads it.

import type { AvroField, AvroMap, AvroRecord, AvroType } from '../../../../schemas/avro/avro-type.ts';
import { nullableBranch } from '../../../../schemas/avro/avro-type.ts';
import { ByteTable } from './byte-table.ts';

export interface Place {
  /** Index into the positions of an event. -1 there: null, or a key that the map does not have. */
  readonly slot: number;
  /** What begins at the position: for a union of null and one type, that type. */
  readonly type: AvroType;
  readonly isNullable: boolean;
}

export interface FieldPlace extends Place {
  readonly field: AvroField;
  /** Places inside, for a record that is not recursive. */
  readonly inner: RecordLayout | undefined;
  /** Number of the map among the schema's, for a map. */
  readonly map: number | undefined;
}

export interface RecordLayout {
  readonly record: AvroRecord;
  readonly fields: readonly FieldPlace[];
}

export interface Layout extends RecordLayout {
  /** Slots of all fields: those of keys come behind them. */
  readonly slotCount: number;
  readonly maps: readonly AvroMap[];
}

/** Beyond so many, nested records are walked without noting what is inside: filters on them are tested on decoded values. */
const MAX_SLOTS = 256;

export function layoutOf(record: AvroRecord): Layout {
  const maps: AvroMap[] = [];
  let slotCount = 0;
  const visit = (of: AvroRecord, outer: readonly AvroRecord[]): RecordLayout => {
    const path = [...outer, of];
    const fields: FieldPlace[] = [];
    for (const field of of.fields) {
      const { type, isNullable } = bareType(field.type);
      const slot = slotCount++;
      const isOpen = type.kind === 'record' && !path.includes(type) && slotCount + type.fields.length <= MAX_SLOTS;
      const inner = isOpen ? visit(type, path) : undefined;
      const map = type.kind === 'map' ? maps.push(type) - 1 : undefined;
      fields.push({ field, slot, type, isNullable, inner, map });
    }
    return { record: of, fields };
  };
  const { fields } = visit(record, []);
  return { record, fields, slotCount, maps };
}

/** A union of null and one type is that type, which may be absent; any other union stays one. */
export function bareType(type: AvroType): { readonly type: AvroType; readonly isNullable: boolean } {
  const branch = nullableBranch(type);
  return branch === undefined ? { type, isNullable: false } : { type: branch, isNullable: true };
}

/** The positions of the event at hand, and the keys of maps that are wanted. */
export class Positions {
  readonly #freeSlots: number[] = [];
  readonly #fieldSlots: number;
  readonly maps: readonly WantedKeys[];
  /** By slot. */
  at: Int32Array;
  /** One behind the last slot of a key. */
  end: number;

  constructor(layout: Layout) {
    this.#fieldSlots = layout.slotCount;
    this.end = layout.slotCount;
    this.at = new Int32Array(Math.max(16, layout.slotCount * 2)).fill(-1);
    this.maps = layout.maps.map(() => new WantedKeys(this));
  }

  /** What a key that this event does not have must look like. */
  forgetKeys(): void {
    if (this.end > this.#fieldSlots) this.at.fill(-1, this.#fieldSlots, this.end);
  }

  takeSlot(): number {
    const slot = this.#freeSlots.pop() ?? this.end++;
    if (slot >= this.at.length) {
      const longer = new Int32Array(this.at.length * 2).fill(-1);
      longer.set(this.at);
      this.at = longer;
    }
    return slot;
  }

  giveSlot(slot: number): void {
    this.#freeSlots.push(slot);
  }
}

/** Keys of one map that filters read. */
export class WantedKeys {
  readonly #positions: Positions;
  readonly #table = new ByteTable();
  readonly #slots: number[] = [];

  constructor(positions: Positions) {
    this.#positions = positions;
  }

  /** @returns the slot of the key; the same one for every user */
  retain(key: Uint8Array): number {
    const before = this.#table.size;
    const id = this.#table.retain(key);
    if (this.#table.size > before) this.#slots[id] = this.#positions.takeSlot();
    return this.#slots[id] ?? -1;
  }

  release(key: Uint8Array): void {
    const id = this.#table.find(key, 0, key.length);
    const slot = this.#slots[id];
    if (slot !== undefined && this.#table.release(id)) this.#positions.giveSlot(slot);
  }

  /** @returns the slot of the key that stands there, or -1 */
  slotOf(b: Uint8Array, start: number, length: number): number {
    const id = this.#table.find(b, start, length);
    return id < 0 ? -1 : (this.#slots[id] ?? -1);
  }
}
