// The events of a workload as the Kafka records they would arrive in: Confluent-framed MonitoringEventBatch values, copied
// into slabs as the stream worker does, over a few partitions.

import { readFileSync } from 'node:fs';
import avsc from 'avsc';
import { encodeConfluent } from '../../../schemas/confluent-wire.ts';
import { SLAB_ENTRY_BYTES, SlabWriter, slabBytesOf } from '../../../workers/stream/slab.ts';
import type { BenchEvent } from './workload.ts';

export const BATCH_SCHEMA_ID = 2;
export const PARTITIONS = 4;
/** As a worker has it by default, so that a slab has the size that the kernel sees in production. */
const SLAB_BYTES = 1 << 20;
/** Where an index entry has the record's offset, see the picture in slab.ts. */
const OFFSET_IN_ENTRY = 8;

const schemaFile = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../schemas/avro/events/${name}.avsc`, import.meta.url), 'utf8'));

export const EVENT_SCHEMA = schemaFile('MonitoringEvent');
/** The batch schema with the event's in its place, as the registry gives it to a worker that resolves references. */
export const BATCH_SCHEMA = JSON.parse(JSON.stringify(schemaFile('MonitoringEventBatch')), (key, value: unknown) =>
  key === 'items' ? EVENT_SCHEMA : value,
);

/** Events in the order in which they stand in the records. */
export interface EventRecord {
  readonly events: readonly BenchEvent[];
  readonly value: Uint8Array;
}

export function eventRecords(eventOf: (n: number) => BenchEvent, records: number, eventsEach: number): EventRecord[] {
  const type = avsc.Type.forSchema(BATCH_SCHEMA);
  return Array.from({ length: records }, (_, record) => {
    const events = Array.from({ length: eventsEach }, (_, i) => eventOf(record * eventsEach + i));
    return { events, value: encodeConfluent(BATCH_SCHEMA_ID, type.toBuffer({ events })) };
  });
}

export interface FilledSlab {
  readonly memory: SharedArrayBuffer;
  readonly recordCount: number;
  readonly eventCount: number;
}

/**
 * Lays records out in slabs, as many as go into each; record n belongs to partition n mod PARTITIONS.
 *
 * @param recordsEach at most so many records in a slab
 */
export function fillSlabs(records: readonly EventRecord[], recordsEach = Number.POSITIVE_INFINITY): FilledSlab[] {
  const slabs: FilledSlab[] = [];
  for (let next = 0; next < records.length; ) {
    const first = records[next];
    const byteLength = Math.max(SLAB_BYTES, 64 + slabBytesOf({ value: first?.value ?? null, key: null }));
    const writer = new SlabWriter(byteLength);
    let eventCount = 0;
    for (; next < records.length && writer.recordCount < recordsEach; next++) {
      const record = records[next];
      if (!record || !writer.append(slabRecord(record.value, next))) break;
      eventCount += record.events.length;
    }
    slabs.push({ memory: writer.memory, recordCount: writer.recordCount, eventCount });
  }
  return slabs;
}

const slabRecord = (value: Uint8Array, n: number) => ({
  slot: n % PARTITIONS,
  offset: 0,
  timestampMs: 1_767_225_600_000 + n,
  receivedMs: 1_767_225_600_005 + n,
  value,
  key: null,
});

/**
 * Gives the slab's records offsets from `offset` up, so that the kernel takes them as new ones.
 *
 * @returns the offset behind the last
 */
export function renumber({ memory, recordCount }: FilledSlab, offset: number): number {
  const view = new DataView(memory);
  for (let i = 0; i < recordCount; i++) {
    view.setFloat64(memory.byteLength - (i + 1) * SLAB_ENTRY_BYTES + OFFSET_IN_ENTRY, offset + i, true);
  }
  return offset + recordCount;
}
