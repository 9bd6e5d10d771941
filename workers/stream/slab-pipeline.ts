// Drives one kernel thread. Batches make themselves: while a slab is processed the next one fills, and an idle thread is
// given at once whatever there is.
//
//   append ─▶ slabs ─▶ kernel ─▶ outputs ─▶ accepted by Redis, dead letters by Kafka ─▶ settled
//
// Every step waits for the next one: no free output stops the kernel, no free slab makes `append` say no.

import { DeltaQueue } from './delta-queue.ts';
import type { EnvelopePlace, Reject } from './kernel/kernel.ts';
import type { KernelAnswer } from './kernel/kernel-task.ts';
import type { PlanDelta } from './kernel/plan-delta.ts';
import type { KernelThread } from './kernel-pool.ts';
import { type NewSlabRecord, SlabReader } from './slab.ts';
import { type FilledSlab, SlabQueue } from './slab-queue.ts';

export interface RejectedRecord {
  readonly slot: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly code: Reject['code'];
  readonly message: string;
  /** Copies: the slab is filled again meanwhile. */
  readonly value: Buffer | null;
  readonly key: Buffer | null;
}

/** What a pipeline needs of the rest of the worker. */
export interface PipelineEnds {
  /** Resolves when Redis has accepted all envelopes, in order. Called again only after it has resolved. */
  publish(output: Uint8Array, envelopes: readonly EnvelopePlace[]): Promise<void>;
  /** Resolves when Kafka has accepted all dead letters. */
  deadLetter(rejects: readonly RejectedRecord[]): Promise<void>;
  /** @returns to be called when the output up to `nextOffset` was accepted */
  begin(slot: number, nextOffset: number): () => void;
  /** The schema's text, null when there is none; waits while the registry is away. */
  schema(schemaId: number): Promise<string | null>;
  /** A run was done. */
  ran(answer: KernelAnswer, recordCount: number, byteCount: number): void;
  /** The pipeline cannot go on: its state is lost, the process must end. */
  failed(error: unknown): void;
}

export interface PipelineOptions {
  readonly slabCount: number;
  readonly slabBytes: number;
  readonly outputCount: number;
  readonly outputBytes: number;
}

export class SlabPipeline {
  readonly #thread: KernelThread;
  readonly #ends: PipelineEnds;
  readonly #outputBytes: number;
  readonly #slabs: SlabQueue;
  readonly #freeOutputs: SharedArrayBuffer[] = [];
  readonly #sentSchemas = new Set<number>();
  /** Asked for in vain, for the slab at hand; the next slab asks again. */
  readonly #unknownSchemas = new Set<number>();
  readonly #roomWaiters: (() => void)[] = [];
  #outputWaiter: ((output: SharedArrayBuffer) => void) | null = null;
  readonly #deltas = new DeltaQueue();
  #publishing: Promise<void> = Promise.resolve();
  #resolving: FilledSlab | null = null;
  #watermarkDue = false;
  #running = false;
  #stopped = false;

  constructor(thread: KernelThread, ends: PipelineEnds, options: PipelineOptions) {
    this.#thread = thread;
    this.#ends = ends;
    this.#outputBytes = options.outputBytes;
    this.#slabs = new SlabQueue(options.slabCount, options.slabBytes);
    for (let i = 0; i < options.outputCount; i++) this.#freeOutputs.push(new SharedArrayBuffer(options.outputBytes));
  }

  /** @returns false when there is no room: wait for `room()` */
  append(record: NewSlabRecord): boolean {
    return this.#slabs.append(record);
  }

  /** Resolves when `append` may succeed again. */
  room(): Promise<void> {
    if (this.#slabs.hasRoom) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#roomWaiters.push(resolve);
    return promise;
  }

  /** Takes effect behind the slabs that the kernel has begun, before all others. */
  apply(delta: PlanDelta): void {
    this.#deltas.push(delta);
    this.flush();
  }

  /** Every lane gets an envelope that says how far each partition has come. */
  watermark(): void {
    this.#watermarkDue = true;
    this.flush();
  }

  /** Processes what there is, as soon as the thread is free. */
  flush(): void {
    if (this.#running || this.#stopped) return;
    this.#running = true;
    // A microtask later, so that deltas and records of one turn go together.
    Promise.resolve()
      .then(() => this.#runAll())
      .catch((error: unknown) => {
        if (!this.#stopped) this.#ends.failed(error);
      });
  }

  /** Begins nothing more; what was begun may remain unfinished. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const resolve of this.#roomWaiters.splice(0)) resolve();
    await this.#thread.close();
  }

  async #runAll(): Promise<void> {
    try {
      while (!this.#stopped) {
        const slab = this.#takeReadySlab();
        if (slab === null && this.#deltas.isEmpty && !this.#watermarkDue) return;
        await this.#process(slab);
        if (slab === null) continue;
        this.#slabs.release(slab);
        for (const resolve of this.#roomWaiters.splice(0)) resolve();
      }
    } finally {
      this.#running = false; // here and not a turn later, or a flush between would be lost
    }
  }

  /** @returns null also while the next slab waits for a schema; joins and watermarks go on meanwhile */
  #takeReadySlab(): FilledSlab | null {
    const next = this.#slabs.peek();
    if (next === null) return null;
    const missing = [...next.schemaIds].filter((schemaId) => !this.#sentSchemas.has(schemaId));
    if (missing.length === 0) return this.#slabs.take();
    if (this.#resolving !== next) this.#resolveSchemas(next, missing);
    return null;
  }

  #resolveSchemas(slab: FilledSlab, schemaIds: readonly number[]): void {
    this.#resolving = slab;
    Promise.all(schemaIds.map(async (schemaId) => ({ schemaId, text: await this.#ends.schema(schemaId) })))
      .then((schemas) => {
        this.#resolving = null;
        for (const { schemaId, text } of schemas) this.#addSchema(schemaId, text);
        this.flush();
      })
      .catch((error: unknown) => {
        if (!this.#stopped) this.#ends.failed(error);
      });
  }

  /** A kernel rejects what it has no schema for, so an unknown id is just not sent; it is asked for again next time. */
  #addSchema(schemaId: number, text: string | null): void {
    this.#sentSchemas.add(schemaId);
    if (text !== null) this.#deltas.push({ kind: 'schema', schemaId, text });
    else this.#unknownSchemas.add(schemaId);
  }

  async #process(slab: FilledSlab | null): Promise<void> {
    let deltas = this.#deltas.takeAll();
    let watermark = this.#watermarkDue;
    this.#watermarkDue = false;
    const memory = slab ? { slab: slab.writer.memory } : {};
    let firstRecord = 0;
    let neededBytes = 0;
    for (let done = false; !done; ) {
      const pooled = await this.#takeOutput();
      const output = neededBytes > this.#outputBytes ? new SharedArrayBuffer(neededBytes) : pooled;
      const answer = await this.#thread.run({ ...memory, deltas, firstRecord, output, watermark });
      deltas = [];
      watermark = false;
      neededBytes = answer.neededBytes;
      if (neededBytes > 0) {
        this.#releaseOutput(pooled);
        continue;
      }
      this.#settleLater(slab, firstRecord, answer, new Uint8Array(output), pooled);
      firstRecord = answer.nextRecord;
      done = answer.done;
    }
    if (slab === null) return;
    for (const schemaId of this.#unknownSchemas) this.#sentSchemas.delete(schemaId);
    this.#unknownSchemas.clear();
  }

  /** The output goes on its way; the kernel may already write the next one. */
  #settleLater(
    slab: FilledSlab | null,
    firstRecord: number,
    answer: KernelAnswer,
    output: Uint8Array,
    pooled: SharedArrayBuffer,
  ): void {
    const reader = slab ? new SlabReader(slab.writer.memory) : null;
    const settle = reader ? this.#beginSettling(reader, firstRecord, answer.nextRecord) : [];
    const rejects = reader ? answer.rejects.map((reject) => rejectedRecord(reader, reject)) : [];
    this.#ends.ran(answer, answer.nextRecord - firstRecord, slab && answer.done ? slab.writer.usedBytes : 0);
    const published = this.#publishing.then(() => this.#ends.publish(output, answer.envelopes));
    this.#publishing = published;
    Promise.all([published, rejects.length > 0 ? this.#ends.deadLetter(rejects) : undefined])
      .then(() => {
        for (const done of settle) done();
        this.#releaseOutput(pooled);
      })
      .catch((error: unknown) => {
        if (!this.#stopped) this.#ends.failed(error);
      });
  }

  #beginSettling(reader: SlabReader, firstRecord: number, nextRecord: number): (() => void)[] {
    const nextOffsets = new Map<number, number>();
    for (let i = firstRecord; i < nextRecord; i++) {
      const { slot, offset } = reader.place(i);
      nextOffsets.set(slot, offset + 1);
    }
    return [...nextOffsets].map(([slot, nextOffset]) => this.#ends.begin(slot, nextOffset));
  }

  async #takeOutput(): Promise<SharedArrayBuffer> {
    const free = this.#freeOutputs.pop();
    if (free) return free;
    const { promise, resolve } = Promise.withResolvers<SharedArrayBuffer>();
    this.#outputWaiter = resolve;
    return promise;
  }

  #releaseOutput(output: SharedArrayBuffer): void {
    const waiter = this.#outputWaiter;
    this.#outputWaiter = null;
    if (waiter) waiter(output);
    else this.#freeOutputs.push(output);
  }
}

function rejectedRecord(reader: SlabReader, { record, code, message }: Reject): RejectedRecord {
  const { slot, offset, timestampMs, value, key } = reader.record(record);
  return {
    slot,
    offset,
    timestampMs,
    code,
    message,
    value: value === null ? null : Buffer.from(value),
    key: key === null ? null : Buffer.from(key),
  };
}
