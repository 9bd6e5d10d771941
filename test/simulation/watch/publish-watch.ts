// Looks at everything that workers publish and commit and that edges apply: who may speak for a partition, in which epoch,
// and whether a commit claims more than was published.

import { HEARTBEAT_INTERVAL_MS, HEARTBEAT_TTL_MS } from '../../../schemas/coordination.ts';
import { EnvelopeReader } from '../../../schemas/envelope-reader.ts';
import type { KernelAnswer, KernelTask } from '../../../workers/stream/kernel/kernel-task.ts';
import { SlabReader } from '../../../workers/stream/slab.ts';
import type { Simulator } from '../engine/simulator.ts';

/** Proof of life that a worker may act on at most this long: what lease.ts promises. */
const PROOF_MS = HEARTBEAT_TTL_MS - HEARTBEAT_INTERVAL_MS;

interface Unaccepted {
  readonly partition: number;
  readonly firstOffset: number;
}

export class PublishWatch {
  readonly #simulator: Simulator;
  /** partition/epoch → the worker's id. */
  readonly #speakers = new Map<string, string>();
  /** Highest epoch in which somebody has sent, by partition. */
  readonly #highest = new Map<number, number>();
  /** When the last heartbeat of a process was taken by Redis. */
  readonly #provenAtMs = new Map<string, number>();
  /** process → envelopes with events that its kernel made and Redis has not accepted. */
  readonly #unaccepted = new Map<string, Map<string, Unaccepted>>();
  /** process → slot → its partition, and one more than the last offset its kernel has dealt with. */
  readonly #slots = new Map<string, Map<number, { readonly partition: number; nextOffset: number }>>();
  /** edge → partition → highest epoch applied. */
  readonly #applied = new Map<string, Map<number, number>>();

  constructor(simulator: Simulator) {
    this.#simulator = simulator;
  }

  /** Told, not thrown: whoever is called here by the code under test may catch what it does not understand. */
  #fail(problem: string): void {
    this.#simulator.fail(problem);
  }

  proven(process: string): void {
    this.#provenAtMs.set(process, this.#simulator.nowMs);
  }

  ran(
    process: string,
    { slab, output, firstRecord, deltas }: KernelTask,
    { envelopes, nextRecord, neededBytes }: KernelAnswer,
  ): void {
    const slots = this.#slotsOf(process);
    for (const delta of deltas) {
      if (delta.kind === 'open') {
        this.#forget(process, delta.partition);
        slots.set(delta.slot, { partition: delta.partition, nextOffset: delta.from.offset + 1 });
      } else if (delta.kind === 'skip') {
        const slot = slots.get(delta.slot);
        if (slot) slot.nextOffset = delta.from.offset + 1;
      }
    }
    if (neededBytes > 0) return;
    for (const { lane, position, length, partition } of envelopes) {
      const envelope = new EnvelopeReader(Buffer.from(output, position, length));
      if (envelope.eventCount === 0) continue;
      this.#unacceptedOf(process).set(nameOf(lane, envelope), { partition, firstOffset: envelope.eventOffset(0) });
    }
    if (!slab) return;
    const reader = new SlabReader(slab);
    for (let i = firstRecord; i < nextRecord; i++) {
      const slot = slots.get(reader.slot(i));
      if (slot) slot.nextOffset = Math.max(slot.nextOffset, reader.offset(i) + 1);
    }
  }

  /** A worker gives a live envelope to its connection. */
  sending(process: string, bytes: Uint8Array): void {
    const { kind, partition, epoch } = new EnvelopeReader(bytes);
    if (kind !== 'live') return;
    const who = process.split('.')[0] ?? '';
    const speaker = this.#speakers.get(`${partition}/${epoch}`) ?? who;
    this.#speakers.set(`${partition}/${epoch}`, speaker);
    if (speaker !== who) this.#fail(`p${partition} epoch ${epoch}: ${who} sends, and ${speaker} did`);
    const highest = this.#highest.get(partition) ?? 0;
    if (epoch < highest) this.#fail(`p${partition}: ${process} sends in epoch ${epoch} although ${highest} has begun`);
    this.#highest.set(partition, epoch);
    this.#assertProven(process, `sends p${partition}`);
  }

  accepted(process: string, lane: string, bytes: Uint8Array): void {
    const envelope = new EnvelopeReader(bytes);
    if (envelope.kind === 'live')
      this.#unacceptedOf(process).delete(nameOf(lane.slice(lane.lastIndexOf(':') + 1), envelope));
  }

  /** Kafka has taken a commit; what lies before it is never read again unless it is asked for. */
  committed(process: string, partition: number, offset: number, lowOffset: number): void {
    if (offset > lowOffset) this.#assertProcessed(process, partition, offset); // what Kafka has deleted is skipped
    for (const [name, { partition: of, firstOffset }] of this.#unacceptedOf(process)) {
      if (of === partition && firstOffset < offset)
        this.#fail(`${process} commits p${partition} ${offset} before ${name} was accepted`);
    }
  }

  #assertProcessed(process: string, partition: number, offset: number): void {
    let processed = -1;
    for (const slot of this.#slotsOf(process).values()) {
      if (slot.partition === partition) processed = Math.max(processed, slot.nextOffset);
    }
    if (offset > processed)
      this.#fail(`${process} commits p${partition} ${offset}, its kernel has come to ${processed}`);
  }

  applied(edgeId: string, { partition, epoch }: EnvelopeReader): void {
    const epochs = this.#applied.get(edgeId) ?? new Map<number, number>();
    this.#applied.set(edgeId, epochs);
    const highest = epochs.get(partition) ?? 0;
    if (epoch < highest) this.#fail(`${edgeId} applies p${partition} epoch ${epoch} after ${highest}`);
    epochs.set(partition, epoch);
  }

  /** It wants nothing of the topic any more: what it knew of epochs is gone with it. */
  edgeForgets(edgeId: string): void {
    this.#applied.delete(edgeId);
  }

  #assertProven(process: string, what: string): void {
    const ageMs = this.#simulator.nowMs - (this.#provenAtMs.get(process) ?? Number.NEGATIVE_INFINITY);
    if (ageMs > PROOF_MS) this.#fail(`${process} ${what} ${Math.round(ageMs)} ms after its last heartbeat`);
  }

  /** A partition begun anew: envelopes of the time before were dropped, and their records come again. */
  #forget(process: string, partition: number): void {
    const unaccepted = this.#unacceptedOf(process);
    for (const [name, { partition: of }] of unaccepted) if (of === partition) unaccepted.delete(name);
  }

  #slotsOf(process: string) {
    const known = this.#slots.get(process);
    if (known) return known;
    const made = new Map<number, { readonly partition: number; nextOffset: number }>();
    this.#slots.set(process, made);
    return made;
  }

  #unacceptedOf(process: string): Map<string, Unaccepted> {
    const known = this.#unaccepted.get(process);
    if (known) return known;
    const made = new Map<string, Unaccepted>();
    this.#unaccepted.set(process, made);
    return made;
  }
}

const nameOf = (lane: string, { partition, epoch, from, to }: EnvelopeReader): string =>
  `${lane} p${partition} e${epoch} ${from.offset}:${from.index}–${to.offset}:${to.index}`;
