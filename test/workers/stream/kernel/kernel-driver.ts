// Drives a kernel as a pipeline does (again from `nextRecord` while the output is full, with a longer one when nothing fits)
// and keeps the lane contract's books.

import { type Cursor, sameCursor } from '../../../../schemas/cursor.ts';
import { type EnvelopeView, readEnvelope } from '../../../../schemas/lane-envelope.ts';
import { Kernel, type KernelLimits, type Reject } from '../../../../workers/stream/kernel/kernel.ts';
import type { PlanFailure } from '../../../../workers/stream/kernel/plan-table.ts';
import { type NewSlabRecord, SlabWriter } from '../../../../workers/stream/slab.ts';
import { BATCH_ID, BATCH_SCHEMA, type CountingCompiler, EVENT_ID, EVENT_SCHEMA, modelCompiler } from './model-plan.ts';

export const LIMITS: KernelLimits = { envelopeBytes: 1 << 20, recordOutputBytes: 1 << 20 };
export const NOW_MS = 5000;

export interface Run {
  readonly envelopes: (EnvelopeView & { readonly lane: string })[];
  readonly rejects: Reject[];
  readonly failures: PlanFailure[];
  readonly runCount: number;
  readonly eventCount: number;
  readonly matchCount: number;
}

export type TestRecord = Partial<NewSlabRecord> & Pick<NewSlabRecord, 'offset' | 'value'>;

export class KernelDriver {
  readonly compiler: CountingCompiler = modelCompiler();
  readonly kernel: Kernel;
  readonly #outputBytes: number;

  constructor(outputBytes = 1 << 16, limits: KernelLimits = LIMITS) {
    this.kernel = new Kernel(this.compiler, limits);
    this.#outputBytes = outputBytes;
    this.kernel.applyDelta({ kind: 'schema', schemaId: EVENT_ID, text: JSON.stringify(EVENT_SCHEMA) });
    this.kernel.applyDelta({ kind: 'schema', schemaId: BATCH_ID, text: JSON.stringify(BATCH_SCHEMA) });
  }

  open(slot: number, from: Cursor, topicId = 7, epoch = 1): void {
    this.kernel.applyDelta({ kind: 'open', slot, topicId, partition: slot + 100, epoch, from });
  }

  add(lane: string, channel: string, plan: unknown, generation = 1, topicId = 7): void {
    this.kernel.applyDelta({ kind: 'add', lane, channel, generation, topicId, plan });
  }

  run(records: readonly TestRecord[] = [], watermark = false): Run {
    const writer = new SlabWriter(1 << 16);
    for (const record of records) {
      const whole = { slot: 0, timestampMs: 1000 + record.offset, receivedMs: 3000, key: null, ...record };
      if (!writer.append(whole)) throw new Error('the test slab is full');
    }
    const run = { envelopes: [] as Run['envelopes'], rejects: [] as Reject[], failures: [] as PlanFailure[] };
    let [firstRecord, runCount, eventCount, matchCount, outputBytes] = [0, 0, 0, 0, this.#outputBytes];
    for (;;) {
      if (runCount++ > 10_000) throw new Error('the kernel does not get on');
      const output = new Uint8Array(new SharedArrayBuffer(outputBytes));
      const slab = records.length > 0 ? { slab: writer.memory } : {};
      const isFirst = runCount === 1;
      const result = this.kernel.run({ ...slab, firstRecord, output, nowMs: NOW_MS, watermark: watermark && isFirst });
      for (const { lane, position, length } of result.envelopes) {
        run.envelopes.push({ lane, ...readEnvelope(output.slice(position, position + length)) });
      }
      run.rejects.push(...result.rejects);
      run.failures.push(...result.failures);
      eventCount += result.eventCount;
      matchCount += result.matchCount;
      firstRecord = result.nextRecord;
      outputBytes = Math.max(this.#outputBytes, result.neededBytes);
      if (result.done) return { ...run, runCount, eventCount, matchCount };
    }
  }
}

/** What each (lane, partition, channel) was told, and every break of the lane contract. */
export class LaneBooks {
  readonly faults: string[] = [];
  /** `offset/index text` in order of arrival, by `lane/partition/channel`. */
  readonly deliveries = new Map<string, string[]>();
  /** By `lane/partition/channel/generation`. */
  readonly joined = new Map<string, Cursor>();
  readonly last = new Map<string, Cursor>();

  read(envelopes: Run['envelopes']): void {
    for (const { lane, partition, from, to, joined, events, channels } of envelopes) {
      const place = `${lane}/${partition}`;
      const last = this.last.get(place);
      if (last && !sameCursor(last, from)) this.faults.push(`${place} ${JSON.stringify({ last, from })}`);
      this.last.set(place, to);
      for (const { channel, generation } of joined) this.joined.set(`${place}/${channel}/${generation}`, from);
      for (const { channel, refs } of channels) {
        const key = `${place}/${channel}`;
        const told = this.deliveries.get(key) ?? [];
        this.deliveries.set(key, told);
        for (const ref of Array.from(refs)) {
          const event = events[ref];
          if (!event) throw new Error('a reference leads nowhere');
          told.push(`${event.cursor.offset}/${event.cursor.index} ${Buffer.from(event.bytes).toString()}`);
        }
      }
    }
  }

  /** The lane begins anew: its edge has forgotten the topic. */
  forget(lane: string): void {
    for (const place of [...this.last.keys()]) if (place.startsWith(`${lane}/`)) this.last.delete(place);
  }
}

export const channelId = (n: number): string => n.toString(16).padStart(32, '0');
