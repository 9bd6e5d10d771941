// The events of a route: runs a kernel thread over the records of a poll, with one channel and one lane of its own, and
// gives what matched in cursor order. Nothing is kept between polls but what the kernel knows of schemas.

import type { KafkaMessage } from '../../../platform/kafka.ts';
import { beforeRecord } from '../../../schemas/cursor.ts';
import { EnvelopeReader } from '../../../schemas/envelope-reader.ts';
import type { RouteDefinition } from '../../../schemas/route.ts';
import type { PlanDelta } from '../kernel/plan-delta.ts';
import type { KernelThread } from '../kernel-pool.ts';
import { type FilledSlab, SlabQueue } from '../slab-queue.ts';

export interface RoutedEvent {
  readonly partition: number;
  readonly offset: number;
  /** Registry id of the schema that the event's record was written with. */
  readonly schemaId: number;
  /** Avro, without the record's header: a copy. */
  readonly datum: Buffer;
}

export interface RouteMatcherOptions {
  readonly thread: KernelThread;
  readonly slabBytes: number;
  readonly outputBytes: number;
  /** The schema's text, null when there is none. */
  readonly schema: (schemaId: number) => Promise<string | null>;
  /** Records that cannot be decoded: the topic's owner dead-letters them, a route leaves them out. */
  readonly onRejected: (count: number) => void;
}

const LANE = 'route';
/** 32 hex characters; the kernel is the route's own, so any name will do. */
const CHANNEL = '0'.repeat(32);
const SCHEMA_ID_BYTES = 4;

export class RouteMatcher {
  readonly #options: RouteMatcherOptions;
  readonly #slabs: SlabQueue;
  readonly #sentSchemas = new Set<number>();
  readonly #open = new Set<number>();
  #output: SharedArrayBuffer;

  constructor(options: RouteMatcherOptions) {
    this.#options = options;
    this.#slabs = new SlabQueue(1, options.slabBytes);
    this.#output = new SharedArrayBuffer(options.outputBytes);
  }

  async begin({ topicId, plan }: RouteDefinition): Promise<void> {
    await this.#run([{ kind: 'add', lane: LANE, channel: CHANNEL, generation: 0, topicId, plan }], null);
  }

  /** Partitions are slots by their number. */
  async open(topicId: number, partition: number, nextOffset: number): Promise<void> {
    this.#open.add(partition);
    const from = beforeRecord(nextOffset);
    await this.#run([{ kind: 'open', slot: partition, topicId, partition, epoch: 0, from }], null);
  }

  async closeAll(): Promise<void> {
    const close = [...this.#open].map((slot): PlanDelta => ({ kind: 'close', slot }));
    this.#open.clear();
    if (close.length > 0) await this.#run(close, null);
  }

  /** @returns what matches, in the order of the records */
  async match(messages: readonly KafkaMessage[]): Promise<RoutedEvent[]> {
    const events: RoutedEvent[] = [];
    for (const message of messages) {
      if (this.#append(message)) continue;
      events.push(...(await this.#matchSlab()));
      this.#append(message);
    }
    events.push(...(await this.#matchSlab()));
    return events;
  }

  #append({ partition: slot, offset, timestamp, value }: KafkaMessage): boolean {
    return this.#slabs.append({ slot, offset, timestampMs: timestamp ?? 0, receivedMs: 0, value, key: null });
  }

  async #matchSlab(): Promise<RoutedEvent[]> {
    const slab = this.#slabs.take();
    if (!slab) return [];
    try {
      return await this.#run(await this.#schemaDeltas(slab), slab);
    } finally {
      this.#slabs.release(slab);
    }
  }

  async #schemaDeltas({ schemaIds }: FilledSlab): Promise<PlanDelta[]> {
    const deltas: PlanDelta[] = [];
    for (const schemaId of schemaIds) {
      if (this.#sentSchemas.has(schemaId)) continue;
      const text = await this.#options.schema(schemaId);
      if (text === null) continue; // the kernel rejects its records
      this.#sentSchemas.add(schemaId);
      deltas.push({ kind: 'schema', schemaId, text });
    }
    return deltas;
  }

  async #run(given: readonly PlanDelta[], slab: FilledSlab | null): Promise<RoutedEvent[]> {
    const { thread, outputBytes, onRejected } = this.#options;
    const memory = slab ? { slab: slab.writer.memory } : {};
    const events: RoutedEvent[] = [];
    let deltas = given;
    for (let firstRecord = 0; ; ) {
      const answer = await thread.run({ ...memory, deltas, firstRecord, output: this.#output, watermark: false });
      deltas = [];
      if (answer.neededBytes > 0) {
        this.#output = new SharedArrayBuffer(answer.neededBytes);
        continue;
      }
      if (answer.rejects.length > 0) onRejected(answer.rejects.length);
      for (const { position, length } of answer.envelopes) {
        eventsOf(new Uint8Array(this.#output, position, length), events);
      }
      firstRecord = answer.nextRecord;
      if (!answer.done) continue;
      // A giant record made it grow; that was for once.
      if (this.#output.byteLength > outputBytes) this.#output = new SharedArrayBuffer(outputBytes);
      return events;
    }
  }
}

function eventsOf(bytes: Uint8Array, into: RoutedEvent[]): void {
  const envelope = new EnvelopeReader(bytes);
  const { partition, eventCount } = envelope;
  for (let place = 0; place < eventCount; place++) {
    const start = envelope.eventStart(place);
    const event = envelope.bytes.subarray(start, start + envelope.eventLength(place));
    const schemaId = event.readUInt32BE(0);
    into.push({
      partition,
      offset: envelope.eventOffset(place),
      schemaId,
      datum: Buffer.from(event.subarray(SCHEMA_ID_BYTES)),
    });
  }
}
