// A slab: the records of one poll, copied next to each other into shared memory, so that a kernel thread reads them where
// they are. Little endian; the bytes grow from the front, the index grows from the end towards them.
//
//   ┌ header 16 B ┬ value, key, value, key … ──▶      ◀── … entry 1 ┬ entry 0 ┐
//   │ count, used │                            free                 │  40 B   │
//   └─────────────┴─────────────────────────────────────────────────┴─────────┘
//   entry: slot u32 │ value length i32 │ offset f64 │ timestamp f64 │ position u32 │ key length i32 │ received f64
//
// A length of -1 is a null. The key stands behind the value: only dead letters need it.

const COUNT_AT = 0;
const USED_AT = 4;
export const SLAB_HEADER_BYTES = 16;
export const SLAB_ENTRY_BYTES = 40;
const ENTRY = { slot: 0, valueLength: 4, offset: 8, timestamp: 16, position: 24, keyLength: 28, received: 32 } as const;
const NULL_LENGTH = -1;

export interface SlabRecord {
  /** Which of the thread's open partitions. */
  readonly slot: number;
  readonly offset: number;
  /** The record's Kafka timestamp, ms since 1970. */
  readonly timestampMs: number;
  /** When this process had the record in hand, ms since 1970. */
  readonly receivedMs: number;
  /** A view into the slab; null for a tombstone. */
  readonly value: Buffer | null;
  readonly key: Buffer | null;
}

/** Reads a filled slab; cheap to make, holds nothing but views. */
export class SlabReader {
  readonly recordCount: number;
  /** The whole slab. */
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #memory: SharedArrayBuffer;

  constructor(memory: SharedArrayBuffer) {
    this.#memory = memory;
    this.bytes = new Uint8Array(memory);
    this.#view = new DataView(memory);
    this.recordCount = this.#view.getUint32(COUNT_AT, true);
  }

  /** @param i below `recordCount` */
  record(i: number): SlabRecord {
    const at = this.#entryAt(i);
    const valueAt = this.#view.getUint32(at + ENTRY.position, true);
    const valueLength = this.#view.getInt32(at + ENTRY.valueLength, true);
    const keyLength = this.#view.getInt32(at + ENTRY.keyLength, true);
    return {
      slot: this.#view.getUint32(at + ENTRY.slot, true),
      offset: this.#view.getFloat64(at + ENTRY.offset, true),
      timestampMs: this.#view.getFloat64(at + ENTRY.timestamp, true),
      receivedMs: this.#view.getFloat64(at + ENTRY.received, true),
      value: this.#bytes(valueAt, valueLength),
      key: this.#bytes(valueAt + Math.max(0, valueLength), keyLength),
    };
  }

  /** Slot and offset alone, without a view of the bytes. */
  place(i: number): { readonly slot: number; readonly offset: number } {
    const at = this.#entryAt(i);
    return {
      slot: this.#view.getUint32(at + ENTRY.slot, true),
      offset: this.#view.getFloat64(at + ENTRY.offset, true),
    };
  }

  // One by one, for whoever must not make an object for each record.

  slot(i: number): number {
    return this.#view.getUint32(this.#entryAt(i) + ENTRY.slot, true);
  }

  offset(i: number): number {
    return this.#view.getFloat64(this.#entryAt(i) + ENTRY.offset, true);
  }

  timestampMs(i: number): number {
    return this.#view.getFloat64(this.#entryAt(i) + ENTRY.timestamp, true);
  }

  receivedMs(i: number): number {
    return this.#view.getFloat64(this.#entryAt(i) + ENTRY.received, true);
  }

  /** Where the value begins in `bytes`. */
  valueStart(i: number): number {
    return this.#view.getUint32(this.#entryAt(i) + ENTRY.position, true);
  }

  /** -1 for a tombstone. */
  valueLength(i: number): number {
    return this.#view.getInt32(this.#entryAt(i) + ENTRY.valueLength, true);
  }

  #entryAt(i: number): number {
    if (i < 0 || i >= this.recordCount) throw new RangeError(`record ${i} of ${this.recordCount}`);
    return this.#memory.byteLength - (i + 1) * SLAB_ENTRY_BYTES;
  }

  #bytes(at: number, length: number): Buffer | null {
    return length === NULL_LENGTH ? null : Buffer.from(this.#memory, at, length);
  }
}

export interface NewSlabRecord {
  readonly slot: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly receivedMs: number;
  readonly value: Uint8Array | null;
  readonly key: Uint8Array | null;
}

/** Bytes of slab that a record takes, index entry included. */
export const slabBytesOf = ({ value, key }: Pick<NewSlabRecord, 'value' | 'key'>): number =>
  SLAB_ENTRY_BYTES + (value?.length ?? 0) + (key?.length ?? 0);

/** Fills a slab; the memory is used again after `reset`. */
export class SlabWriter {
  readonly memory: SharedArrayBuffer;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  #count = 0;
  #used = SLAB_HEADER_BYTES;

  /** @param byteLength below 2^31, the largest position an entry can hold being 2^32 */
  constructor(byteLength: number) {
    this.memory = new SharedArrayBuffer(byteLength);
    this.#view = new DataView(this.memory);
    this.#bytes = new Uint8Array(this.memory);
    this.reset();
  }

  get recordCount(): number {
    return this.#count;
  }

  /** Bytes of values and keys. */
  get usedBytes(): number {
    return this.#used - SLAB_HEADER_BYTES;
  }

  /** @returns false, and leaves the slab as it is, when the record does not fit */
  append(record: NewSlabRecord): boolean {
    const entryAt = this.memory.byteLength - (this.#count + 1) * SLAB_ENTRY_BYTES;
    const valueLength = record.value?.length ?? 0;
    const end = this.#used + valueLength + (record.key?.length ?? 0);
    if (end > entryAt) return false;
    if (record.value) this.#bytes.set(record.value, this.#used);
    if (record.key) this.#bytes.set(record.key, this.#used + valueLength);
    this.#view.setUint32(entryAt + ENTRY.slot, record.slot, true);
    this.#view.setInt32(entryAt + ENTRY.valueLength, record.value?.length ?? NULL_LENGTH, true);
    this.#view.setFloat64(entryAt + ENTRY.offset, record.offset, true);
    this.#view.setFloat64(entryAt + ENTRY.timestamp, record.timestampMs, true);
    this.#view.setUint32(entryAt + ENTRY.position, this.#used, true);
    this.#view.setInt32(entryAt + ENTRY.keyLength, record.key?.length ?? NULL_LENGTH, true);
    this.#view.setFloat64(entryAt + ENTRY.received, record.receivedMs, true);
    this.#count++;
    this.#used = end;
    this.#writeHeader();
    return true;
  }

  reset(): void {
    this.#count = 0;
    this.#used = SLAB_HEADER_BYTES;
    this.#writeHeader();
  }

  #writeHeader(): void {
    this.#view.setUint32(COUNT_AT, this.#count, true);
    this.#view.setUint32(USED_AT, this.#used, true);
  }
}
