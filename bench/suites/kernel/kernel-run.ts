// Drives the real kernel over filled slabs as a kernel thread does, and knows nothing of clocks: who measures calls `pass`.

import type { AvroType } from '../../../schemas/avro/avro-type.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { readEnvelope } from '../../../schemas/lane-envelope.ts';
import { channelIdOf, makePlan, type Plan } from '../../../schemas/plan/plan.ts';
import { Kernel, type KernelResult } from '../../../workers/stream/kernel/kernel.ts';
import { BATCH_SCHEMA, BATCH_SCHEMA_ID, EVENT_SCHEMA, type FilledSlab, PARTITIONS, renumber } from './event-records.ts';

const TOPIC_ID = 1;
const LANE = 'edge-1';
/** The worker's defaults (workers/stream/config.ts). */
const OUTPUT_BYTES = 4 << 20;
const LIMITS = { envelopeBytes: 1 << 20, recordOutputBytes: 256 << 20 };

const newKernel = (): Kernel => new Kernel(LIMITS);

export const eventType: AvroType = parseAvroSchema(EVENT_SCHEMA);

export interface BenchChannel {
  readonly id: string;
  readonly plan: Plan;
}

export function channelsOf(filters: readonly string[]): BenchChannel[] {
  return filters.map((filter) => {
    const plan = makePlan({ filter }, eventType);
    return { id: channelIdOf(TOPIC_ID, plan), plan };
  });
}

export interface PassCounts {
  events: number;
  matches: number;
  outputBytes: number;
}

export class KernelRun {
  readonly #kernel: Kernel = newKernel();
  readonly #output = new Uint8Array(new SharedArrayBuffer(OUTPUT_BYTES));
  #nextOffset = 0;

  /** Opens the partitions, adds the channels and takes the join notices out. */
  constructor(channels: readonly BenchChannel[]) {
    this.#kernel.applyDelta({ kind: 'schema', schemaId: BATCH_SCHEMA_ID, text: JSON.stringify(BATCH_SCHEMA) });
    for (let slot = 0; slot < PARTITIONS; slot++) {
      const from = { offset: -1, index: 0 };
      this.#kernel.applyDelta({ kind: 'open', slot, topicId: TOPIC_ID, partition: slot, epoch: 1, from });
    }
    for (const { id, plan } of channels) {
      this.#kernel.applyDelta({ kind: 'add', lane: LANE, channel: id, generation: 1, topicId: TOPIC_ID, plan });
    }
    this.#runAll(undefined, () => undefined);
  }

  /** Runs the slabs once. @throws Error when the kernel rejects a record or a plan: then nothing was measured */
  pass(slabs: readonly FilledSlab[]): PassCounts {
    const counts: PassCounts = { events: 0, matches: 0, outputBytes: 0 };
    for (const slab of slabs) {
      this.#nextOffset = renumber(slab, this.#nextOffset);
      this.#runAll(slab.memory, (result) => count(result, counts));
    }
    return counts;
  }

  /** A pass that reads what came out. @param take is given each event's text, once for each of its channels */
  readingPass(slabs: readonly FilledSlab[], take: (channel: string, text: string) => void): void {
    for (const slab of slabs) {
      this.#nextOffset = renumber(slab, this.#nextOffset);
      this.#runAll(slab.memory, (result) => {
        for (const { position, length } of result.envelopes) {
          readOut(this.#output.slice(position, position + length), take);
        }
      });
    }
  }

  #runAll(slab: SharedArrayBuffer | undefined, take: (result: KernelResult) => void): void {
    for (let firstRecord = 0; ; ) {
      const given = slab ? { slab } : {};
      const result = this.#kernel.run({ ...given, firstRecord, output: this.#output, nowMs: 0, watermark: false });
      const [reject] = result.rejects;
      const [failure] = result.failures;
      if (reject) throw new Error(`the kernel rejected a record: ${reject.message}`);
      if (failure) throw new Error(`the kernel refused a plan: ${JSON.stringify(failure)}`);
      if (result.neededBytes > 0) throw new Error(`one record needs ${result.neededBytes} bytes of output`);
      take(result);
      if (result.done) return;
      firstRecord = result.nextRecord;
    }
  }
}

function count(result: KernelResult, counts: PassCounts): void {
  counts.events += result.eventCount;
  counts.matches += result.matchCount;
  const last = result.envelopes.at(-1);
  if (last) counts.outputBytes += last.position + last.length;
}

function readOut(envelope: Uint8Array, take: (channel: string, text: string) => void): void {
  const { events, channels } = readEnvelope(envelope);
  const texts = events.map(({ bytes }) => Buffer.from(bytes).toString());
  for (const { channel, refs } of channels) for (const ref of Array.from(refs)) take(channel, texts[ref] ?? '');
}
