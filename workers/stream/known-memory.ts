// Shared memory that a thread already holds. Each time a SharedArrayBuffer is posted to a thread, the engine there makes a
// new object for it and takes its whole size for newly allocated: at some hundred slabs a second the collector was busier
// than the kernel (bench suite `firehose`: 10 % of a core for runs of 3 %). So memory is posted once, and named afterwards.

import type { MemoryRef } from './kernel/kernel-task.ts';

/** All slabs and outputs of a thread, however many are configured. */
const MAX_KNOWN = 256;

export class KnownMemory {
  readonly #maxBytes: number;
  readonly #ids = new Map<SharedArrayBuffer, number>();
  #nextId = 0;
  #forgotten: number[] = [];

  /** @param maxBytes larger memory is there for one giant record, and is not kept */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  refTo(memory: SharedArrayBuffer): MemoryRef {
    const known = this.#ids.get(memory);
    if (known !== undefined) return { id: known };
    if (memory.byteLength > this.#maxBytes) return { id: -1, memory };
    const id = this.#nextId++;
    this.#ids.set(memory, id);
    if (this.#ids.size > MAX_KNOWN) this.#forgetOldest();
    return { id, memory };
  }

  /** Numbers that the thread must no longer hold memory for; once each. */
  takeForgotten(): readonly number[] {
    const forgotten = this.#forgotten;
    if (forgotten.length > 0) this.#forgotten = [];
    return forgotten;
  }

  #forgetOldest(): void {
    for (const [memory, id] of this.#ids) {
      this.#ids.delete(memory);
      this.#forgotten.push(id);
      return;
    }
  }
}
