// Runs a kernel thread over the records of a replay: one lane, some channels, slots with an end. One step after the other;
// each waits until Redis has accepted the one before.

import type { KafkaMessage } from '../../../platform/kafka.ts';
import type { ReplayRequest } from '../../../schemas/coordination.ts';
import { afterRecord, compareCursors } from '../../../schemas/cursor.ts';
import type { PlanDelta } from '../kernel/plan-delta.ts';
import type { KernelThread } from '../kernel-pool.ts';
import { type FilledSlab, SlabQueue } from '../slab-queue.ts';
import type { ReplaySlot } from './replay-runner.ts';

export interface ReplayKernelOptions {
  readonly thread: KernelThread;
  readonly slabBytes: number;
  readonly outputBytes: number;
  /** The schema's text, null when there is none. */
  readonly schema: (schemaId: number) => Promise<string | null>;
  readonly send: (lane: string, envelopes: readonly Uint8Array[]) => Promise<void>;
}

/** A channel to run; its generation is told when the answer names its channels. */
export interface ReplayChannel {
  readonly channel: string;
  readonly plan: unknown;
  readonly generation: number;
}

/** What one answer runs. */
export interface ReplayRun {
  readonly request: ReplayRequest;
  readonly channels: readonly ReplayChannel[];
}

export class ReplayKernel {
  readonly #options: ReplayKernelOptions;
  readonly #slabs: SlabQueue;
  readonly #sentSchemas = new Set<number>();
  #output: SharedArrayBuffer;

  constructor(options: ReplayKernelOptions) {
    this.#options = options;
    this.#slabs = new SlabQueue(1, options.slabBytes);
    this.#output = new SharedArrayBuffer(options.outputBytes);
  }

  async begin(
    { request: { edgeId, topicId, requestId, channels: asked }, channels }: ReplayRun,
    slots: readonly ReplaySlot[],
  ): Promise<void> {
    const add = channels.map(({ channel, generation, plan }): PlanDelta => {
      return { kind: 'add', lane: edgeId, channel, generation, topicId, plan };
    });
    const namesChannels = asked === 'interest';
    const open = slots.map(({ slot, partition, position, until }): PlanDelta => {
      const replay = { requestId, until, namesChannels };
      return { kind: 'open', slot, topicId, partition, epoch: 0, from: position, replay };
    });
    await this.#run([...add, ...open], null, null);
  }

  async end({ request: { edgeId }, channels }: ReplayRun, slots: readonly ReplaySlot[]): Promise<void> {
    const close = slots.map(({ slot }): PlanDelta => ({ kind: 'close', slot }));
    const remove = channels.map(({ channel, generation }): PlanDelta => {
      return { kind: 'remove', lane: edgeId, channel, generation };
    });
    await this.#run([...remove, ...close], null, null);
    // A giant record made it grow; that was for once.
    if (this.#output.byteLength > this.#options.outputBytes) {
      this.#output = new SharedArrayBuffer(this.#options.outputBytes);
    }
  }

  /**
   * @param slots by partition; their positions move on
   * @returns bytes sent
   */
  async process(
    { edgeId }: ReplayRequest,
    messages: readonly KafkaMessage[],
    slots: ReadonlyMap<number, ReplaySlot>,
  ): Promise<number> {
    let sentBytes = 0;
    for (const message of messages) {
      const slot = slots.get(message.partition);
      if (!slot) continue;
      if (this.#append(slot, message)) continue;
      sentBytes += await this.#processSlab(edgeId);
      this.#append(slot, message);
    }
    sentBytes += await this.#processSlab(edgeId);
    for (const { partition, offset } of messages) {
      const slot = slots.get(partition);
      const to = afterRecord(offset);
      if (slot) slot.position = compareCursors(to, slot.until) < 0 ? to : slot.until;
    }
    return sentBytes;
  }

  #append({ slot }: ReplaySlot, { offset, timestamp, value }: KafkaMessage): boolean {
    return this.#slabs.append({ slot, offset, timestampMs: timestamp ?? 0, receivedMs: Date.now(), value, key: null });
  }

  async #processSlab(lane: string): Promise<number> {
    const slab = this.#slabs.take();
    if (!slab) return 0;
    try {
      return await this.#run(await this.#schemaDeltas(slab), slab, lane);
    } finally {
      this.#slabs.release(slab);
    }
  }

  async #schemaDeltas({ schemaIds }: FilledSlab): Promise<PlanDelta[]> {
    const deltas: PlanDelta[] = [];
    for (const schemaId of schemaIds) {
      if (this.#sentSchemas.has(schemaId)) continue;
      const text = await this.#options.schema(schemaId);
      if (text === null) continue; // the kernel rejects its records, as it did when they were live
      this.#sentSchemas.add(schemaId);
      deltas.push({ kind: 'schema', schemaId, text });
    }
    return deltas;
  }

  async #run(given: readonly PlanDelta[], slab: FilledSlab | null, lane: string | null): Promise<number> {
    const memory = slab ? { slab: slab.writer.memory } : {};
    let deltas = given;
    let watermark = slab !== null;
    let firstRecord = 0;
    let sentBytes = 0;
    for (;;) {
      const task = { ...memory, deltas, firstRecord, output: this.#output, watermark };
      const answer = await this.#options.thread.run(task);
      deltas = [];
      watermark = false;
      if (answer.neededBytes > 0) {
        this.#output = new SharedArrayBuffer(answer.neededBytes);
        continue;
      }
      if (lane !== null) sentBytes += await this.#send(lane, answer.envelopes);
      firstRecord = answer.nextRecord;
      if (answer.done) return sentBytes;
    }
  }

  async #send(
    lane: string,
    places: readonly { readonly position: number; readonly length: number }[],
  ): Promise<number> {
    const envelopes = places.map(({ position, length }) => new Uint8Array(this.#output, position, length));
    await this.#options.send(lane, envelopes);
    return envelopes.reduce((bytes, { length }) => bytes + length, 0);
  }
}
