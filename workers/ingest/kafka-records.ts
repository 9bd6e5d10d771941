// The Kafka records of a request: events with the same key share batch records, as `mds publish` does it, so that key,
// partition and order are those that each event would have had in a record of its own. Pure.

import { CONFLUENT_HEADER_BYTES } from '../../schemas/confluent-wire.ts';
import { AvroOutput } from './avro/output.ts';
import type { EventBatch, EventToIngest } from './event-batch.ts';

/** 64 KiB records carry the most events per broker and worker second (DESIGN §5); 500 bounds what one bad event takes along. */
const RECORD_BYTES = 65_536;
const RECORD_EVENTS = 500;

export interface RecordToProduce {
  readonly key: string | null;
  readonly value: Uint8Array;
  readonly events: readonly EventToIngest[];
}

/** @param events of the batch, in order */
export function recordsOf({ bytes, schema }: EventBatch, events: readonly EventToIngest[]): RecordToProduce[] {
  const groups: Group[] = [];
  const open = new Map<string | null, Group>();
  for (const event of events) {
    const size = event.end - event.start;
    let group = open.get(event.key);
    const isFull = group && (group.bytes + size > RECORD_BYTES || group.events.length >= RECORD_EVENTS);
    if (!group || isFull || schema.batch === null) {
      group = { key: event.key, events: [], bytes: 0 };
      groups.push(group);
      open.set(event.key, group);
    }
    group.events.push(event);
    group.bytes += size;
  }
  const out = new AvroOutput();
  return groups.map((group) => ({ ...group, value: recordBytes(out, bytes, group.events, schema) }));
}

interface Group {
  readonly key: string | null;
  readonly events: EventToIngest[];
  bytes: number;
}

function recordBytes(
  out: AvroOutput,
  bytes: Buffer,
  events: readonly EventToIngest[],
  schema: EventBatch['schema'],
): Uint8Array {
  out.reset();
  out.reserve(CONFLUENT_HEADER_BYTES);
  out.byte(0);
  const isSingle = events.length === 1 && schema.event !== null;
  out.at = out.bytes.writeUInt32BE((isSingle ? schema.event : schema.batch) ?? 0, 1);
  if (!isSingle) out.long(events.length);
  for (let i = 0; i < events.length; ) {
    // neighbours are copied in one go
    const start = events[i]?.start ?? 0;
    let end = events[i]?.end ?? 0;
    for (i++; i < events.length && events[i]?.start === end; i++) end = events[i]?.end ?? end;
    out.raw(bytes.subarray(start, end));
  }
  if (!isSingle) out.byte(0);
  return Uint8Array.from(out.bytes.subarray(0, out.at));
}
