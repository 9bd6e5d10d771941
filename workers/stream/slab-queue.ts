// The slabs of one kernel thread: one fills while others are full or being processed. Bounded: when none is free, `append`
// says no, and whoever consumes stops.

import { CONFLUENT_HEADER_BYTES, readSchemaId } from '../../schemas/confluent-wire.ts';
import { type NewSlabRecord, SLAB_HEADER_BYTES, SlabWriter, slabBytesOf } from './slab.ts';

export interface FilledSlab {
  readonly writer: SlabWriter;
  /** Ids of the schemas that its records were written with. */
  readonly schemaIds: ReadonlySet<number>;
}

export class SlabQueue {
  readonly #slabBytes: number;
  readonly #free: SlabWriter[] = [];
  readonly #full: FilledSlab[] = [];
  #filling: { writer: SlabWriter; schemaIds: Set<number> } | null = null;

  constructor(slabCount: number, slabBytes: number) {
    this.#slabBytes = slabBytes;
    for (let i = 0; i < slabCount; i++) this.#free.push(new SlabWriter(slabBytes));
  }

  /** @returns false when every slab is full or in use */
  append(record: NewSlabRecord): boolean {
    if (this.#filling === null && !this.#begin(record)) return false;
    if (this.#filling?.writer.append(record) !== true) {
      if (this.#filling && this.#filling.writer.recordCount > 0) this.#full.push(this.#filling);
      this.#filling = null;
      return this.append(record);
    }
    const schemaId = record.value && record.value.length >= CONFLUENT_HEADER_BYTES ? readSchemaId(record.value) : null;
    if (schemaId !== null) this.#filling.schemaIds.add(schemaId);
    return true;
  }

  /** The slab that must be processed next, full or not; it stays the next one until `take`. */
  peek(): FilledSlab | null {
    return this.#full[0] ?? this.#filling;
  }

  take(): FilledSlab | null {
    const slab = this.peek();
    if (slab === null) return null;
    if (slab === this.#filling) this.#filling = null;
    else this.#full.shift();
    return slab;
  }

  /** Gives a taken slab back. One that had to be larger for a giant record is replaced by one of the usual size. */
  release({ writer }: FilledSlab): void {
    writer.reset();
    this.#free.push(writer.memory.byteLength === this.#slabBytes ? writer : new SlabWriter(this.#slabBytes));
  }

  /** True when `append` of a usual record would succeed. */
  get hasRoom(): boolean {
    return this.#filling !== null || this.#free.length > 0;
  }

  #begin(record: NewSlabRecord): boolean {
    let writer = this.#free.pop();
    if (!writer) return false;
    const needed = SLAB_HEADER_BYTES + slabBytesOf(record);
    if (needed > writer.memory.byteLength) writer = new SlabWriter(needed);
    this.#filling = { writer, schemaIds: new Set() };
    return true;
  }
}
