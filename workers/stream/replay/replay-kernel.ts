// Runs a kernel thread over the records of replays: for each run a lane, its channels, and slots with an end. One step after
// the other; each waits until Redis has accepted the one before. The kernel files channels by topic, so each run is given a
// number of its own in place of its topic's: the channels of one never answer another.

import type { KafkaMessage } from '../../../platform/kafka.ts';
import type { PlanDelta } from '../kernel/plan-delta.ts';
import type { KernelThread } from '../kernel-pool.ts';
import { type FilledSlab, SlabQueue } from '../slab-queue.ts';
import { advance, type ReplayRun, type ReplaySlot } from './replay-run.ts';

export interface ReplayKernelOptions {
  readonly thread: KernelThread;
  readonly slabBytes: number;
  readonly outputBytes: number;
  /** The schema's text, null when there is none. */
  readonly schema: (schemaId: number) => Promise<string | null>;
  readonly send: (lane: string, envelopes: readonly Uint8Array[]) => Promise<void>;
}

/** A record that a run wants. */
export interface WantedRecord {
  readonly slot: ReplaySlot;
  readonly message: KafkaMessage;
}

export class ReplayKernel {
  readonly #options: ReplayKernelOptions;
  readonly #slabs: SlabQueue;
  readonly #sentSchemas = new Set<number>();
  readonly #runOfSlot = new Map<number, ReplayRun>();
  #output: SharedArrayBuffer;

  constructor(options: ReplayKernelOptions) {
    this.#options = options;
    this.#slabs = new SlabQueue(1, options.slabBytes);
    this.#output = new SharedArrayBuffer(options.outputBytes);
  }

  async begin(runs: readonly ReplayRun[]): Promise<void> {
    const deltas = runs.flatMap((run): PlanDelta[] => {
      const { edgeId: lane, topicId, requestId } = run.request;
      const scope = { lane, topicId: run.scope };
      const open = [...run.open.values()].map(({ slot, partition, position, until }): PlanDelta => {
        this.#runOfSlot.set(slot, run);
        const replay = { requestId, topicId, until };
        return { kind: 'open', slot, topicId: run.scope, partition, epoch: 0, from: position, replay };
      });
      return [
        ...run.channels.map(({ channel, generation, plan }): PlanDelta => {
          return { kind: 'add', ...scope, channel, generation, plan };
        }),
        ...open,
      ];
    });
    await this.#run(deltas, null);
  }

  /** @param slots all that the run ever had */
  async end({ request, channels, scope }: ReplayRun, slots: readonly ReplaySlot[]): Promise<void> {
    const close = slots.map(({ slot }): PlanDelta => ({ kind: 'close', slot }));
    const remove = channels.map(({ channel, generation }): PlanDelta => {
      return { kind: 'remove', lane: request.edgeId, channel, generation, topicId: scope };
    });
    for (const { slot } of slots) this.#runOfSlot.delete(slot);
    await this.#run([...remove, ...close], null);
    // A giant record made it grow; that was for once.
    if (this.#output.byteLength > this.#options.outputBytes) {
      this.#output = new SharedArrayBuffer(this.#options.outputBytes);
    }
  }

  /** Resolves when Redis has accepted all envelopes; the positions of the slots have moved on then. */
  async process(records: readonly WantedRecord[]): Promise<void> {
    for (const record of records) {
      if (this.#append(record)) continue;
      await this.#processSlab();
      this.#append(record);
    }
    await this.#processSlab();
    for (const { slot, message } of records) advance(slot, message.offset);
  }

  #append({ slot: { slot }, message: { offset, timestamp, value } }: WantedRecord): boolean {
    return this.#slabs.append({ slot, offset, timestampMs: timestamp ?? 0, receivedMs: Date.now(), value, key: null });
  }

  async #processSlab(): Promise<void> {
    const slab = this.#slabs.take();
    if (!slab) return;
    try {
      await this.#run(await this.#schemaDeltas(slab), slab);
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

  async #run(given: readonly PlanDelta[], slab: FilledSlab | null): Promise<void> {
    const memory = slab ? { slab: slab.writer.memory } : {};
    let deltas = given;
    let watermark = slab !== null;
    let firstRecord = 0;
    for (;;) {
      const task = { ...memory, deltas, firstRecord, output: this.#output, watermark };
      const answer = await this.#options.thread.run(task);
      deltas = [];
      watermark = false;
      if (answer.neededBytes > 0) {
        this.#output = new SharedArrayBuffer(answer.neededBytes);
        continue;
      }
      await this.#send(answer.envelopes);
      firstRecord = answer.nextRecord;
      if (answer.done) return;
    }
  }

  async #send(
    places: readonly {
      readonly lane: string;
      readonly slot: number;
      readonly position: number;
      readonly length: number;
    }[],
  ): Promise<void> {
    const byLane = new Map<string, Uint8Array[]>();
    for (const { lane, slot, position, length } of places) {
      const run = this.#runOfSlot.get(slot);
      if (!run) continue; // it has ended
      run.sentBytes += length;
      const envelopes = byLane.get(lane);
      const envelope = new Uint8Array(this.#output, position, length);
      if (envelopes) envelopes.push(envelope);
      else byLane.set(lane, [envelope]);
    }
    await Promise.all([...byLane].map(([lane, envelopes]) => this.#options.send(lane, envelopes)));
  }
}
