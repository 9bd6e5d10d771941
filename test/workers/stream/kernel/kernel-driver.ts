// Drives a kernel as a pipeline does (again from `nextRecord` while the output is full, with a longer one when nothing fits)
// and keeps the lane contract's books. Knows the kernel by its public interface only.

import { type Cursor, sameCursor } from '../../../../schemas/cursor.ts';
import { type EnvelopeView, readEnvelope } from '../../../../schemas/lane-envelope.ts';
import { Kernel, type KernelLimits, type KernelResult } from '../../../../workers/stream/kernel/kernel.ts';
import { type NewSlabRecord, SLAB_ENTRY_BYTES, SlabWriter } from '../../../../workers/stream/slab.ts';
import { TICK_ID, TICK_SCHEMA, TICKS_ID, TICKS_SCHEMA } from './ticks.ts';

export const LIMITS: KernelLimits = { envelopeBytes: 1 << 20, recordOutputBytes: 1 << 20 };
export const NOW_MS = 5000;

type Mutable<List> = List extends readonly (infer Item)[] ? Item[] : never;

export interface Run {
  readonly envelopes: (EnvelopeView & { readonly lane: string })[];
  readonly rejects: Mutable<KernelResult['rejects']>;
  readonly failures: Mutable<KernelResult['failures']>;
  readonly runCount: number;
  readonly eventCount: number;
  readonly matchCount: number;
}

export type TestRecord = Partial<NewSlabRecord> & Pick<NewSlabRecord, 'offset' | 'value'>;

/** A run that goes on longer than this has stopped getting on. */
const MAX_RUNS = 10_000;

export class KernelDriver {
  readonly kernel: Kernel;
  /** Length of the output the kernel is given, unless it asks for more. */
  outputBytes: number;

  constructor(outputBytes = 1 << 16, limits: KernelLimits = LIMITS) {
    this.kernel = new Kernel(limits);
    this.outputBytes = outputBytes;
    this.schema(TICK_ID, TICK_SCHEMA);
    this.schema(TICKS_ID, TICKS_SCHEMA);
  }

  schema(schemaId: number, json: unknown): void {
    this.kernel.applyDelta({ kind: 'schema', schemaId, text: JSON.stringify(json) });
  }

  open(slot: number, from: Cursor, topicId = 7, epoch = 1): void {
    this.kernel.applyDelta({ kind: 'open', slot, topicId, partition: slot + 100, epoch, from });
  }

  add(lane: string, channel: string, plan: unknown, generation = 1, topicId = 7): void {
    this.kernel.applyDelta({ kind: 'add', lane, channel, generation, topicId, plan });
  }

  run(records: readonly TestRecord[] = [], watermark = false): Run {
    const slab = records.length > 0 ? { slab: slabOf(records) } : {};
    const run = {
      envelopes: [] as Run['envelopes'],
      rejects: [] as Run['rejects'],
      failures: [] as Run['failures'],
    };
    let [firstRecord, runCount, eventCount, matchCount, outputBytes] = [0, 0, 0, 0, this.outputBytes];
    for (;;) {
      if (runCount++ > MAX_RUNS) throw new Error('the kernel does not get on');
      const output = new Uint8Array(new SharedArrayBuffer(outputBytes));
      const isFirst = runCount === 1;
      const result = this.kernel.run({ ...slab, firstRecord, output, nowMs: NOW_MS, watermark: watermark && isFirst });
      for (const { lane, position, length } of result.envelopes) {
        run.envelopes.push({ lane, ...readEnvelope(output.slice(position, position + length)) });
      }
      run.rejects.push(...result.rejects);
      run.failures.push(...result.failures);
      eventCount += result.eventCount;
      matchCount += result.matchCount;
      if (!result.done && result.nextRecord === firstRecord && result.envelopes.length === 0) {
        if (result.neededBytes <= outputBytes) throw new Error('the kernel is stuck and does not say what it needs');
      }
      firstRecord = result.nextRecord;
      outputBytes = Math.max(this.outputBytes, result.neededBytes);
      if (result.done) return { ...run, runCount, eventCount, matchCount };
    }
  }
}

function slabOf(records: readonly TestRecord[]): SharedArrayBuffer {
  const bytes = records.reduce((sum, { value }) => sum + (value?.length ?? 0) + SLAB_ENTRY_BYTES, 1024);
  const writer = new SlabWriter(bytes);
  for (const record of records) {
    const whole = { slot: 0, timestampMs: 1000 + record.offset, receivedMs: 3000, key: null, ...record };
    if (!writer.append(whole)) throw new Error('the test slab is full');
  }
  return writer.memory;
}

/** One event as a channel got it. */
export interface Delivery {
  readonly cursor: Cursor;
  readonly bytes: Uint8Array;
}

/** What each (lane, partition, channel) was told, and every break of the lane contract. */
export class LaneBooks {
  readonly faults: string[] = [];
  /** In order of arrival, by `lane/partition/channel`. */
  readonly deliveries = new Map<string, Delivery[]>();
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
          told.push(event);
        }
      }
    }
  }

  /** Deliveries as `offset/index text`. */
  texts(): Map<string, string[]> {
    return new Map([...this.deliveries].map(([key, told]) => [key, told.map(textOfDelivery)]));
  }

  /** The lane begins anew: its edge has forgotten the topic. */
  forget(lane: string, partitions?: ReadonlySet<number>): void {
    for (const place of [...this.last.keys()]) {
      const [of, partition] = place.split('/');
      if (of === lane && (partitions?.has(Number(partition)) ?? true)) this.last.delete(place);
    }
  }
}

const textOfDelivery = ({ cursor, bytes }: Delivery): string =>
  `${cursor.offset}/${cursor.index} ${Buffer.from(bytes).toString()}`;

export const channelId = (n: number): string => n.toString(16).padStart(32, '0');
