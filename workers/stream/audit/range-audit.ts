// Judges one sample of the delivery audit: decodes every event of its range with avsc and asks the plain model which match.
// Uses nothing of the kernel. Pure.

import avsc from 'avsc';
import type { AuditCounts, AuditSample } from '../../../schemas/audit.ts';
import { type AvroRecord, eventSchemaOf } from '../../../schemas/avro/avro-type.ts';
import { avscTypeOf, type DecodedEvent } from '../../../schemas/avro/decoded-event.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { CONFLUENT_HEADER_BYTES, readSchemaId } from '../../../schemas/confluent-wire.ts';
import { type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import { modelMatches } from '../../../schemas/plan/model.ts';
import type { Plan } from '../../../schemas/plan/plan.ts';

export interface AuditRecord {
  readonly offset: number;
  /** Null: a tombstone, which holds no event. */
  readonly value: Uint8Array | null;
}

export interface AuditTask {
  readonly sample: AuditSample;
  /** All records of the range, in order. */
  readonly records: readonly AuditRecord[];
  readonly schemas: readonly { readonly schemaId: number; readonly text: string }[];
}

/** The model evaluates some thousand events a second; a long range is judged up to here only. */
const MAX_EVENTS = 2000;

interface Writer {
  readonly record: AvroRecord;
  readonly event: AvroRecord;
  readonly type: avsc.Type;
}

/** @returns the counts of this range; `ranges` is 1 */
export function auditRange({ sample, records, schemas }: AuditTask): AuditCounts {
  const writers = new Map(schemas.map(({ schemaId, text }) => [schemaId, writerOf(text)]));
  const from = cursorOf(sample.from);
  let until = cursorOf(sample.to);
  const expected: Cursor[] = [];
  let events = 0;
  for (const { offset, value } of records) {
    for (const [index, { event, writer }] of eventsOf(value, writers).entries()) {
      const cursor = { offset, index };
      if (compareCursors(cursor, from) <= 0 || compareCursors(cursor, until) > 0) continue;
      events += 1;
      if (modelMatches(sample.plan as Plan, writer, event)) expected.push(cursor);
      if (events === MAX_EVENTS) until = cursor;
    }
  }
  const given = sample.given.map(cursorOf).filter((cursor) => compareCursors(cursor, until) <= 0);
  return compared(expected, given, events);
}

function compared(expected: readonly Cursor[], given: readonly Cursor[], events: number): AuditCounts {
  const wanted = new Set(expected.map(keyOf));
  const seen = new Set<string>();
  let unexpected = 0;
  let previous: Cursor | null = null;
  for (const cursor of given) {
    const key = keyOf(cursor);
    const isInOrder = previous === null || compareCursors(cursor, previous) > 0;
    if (!wanted.has(key) || seen.has(key) || !isInOrder) unexpected += 1;
    seen.add(key);
    previous = cursor;
  }
  const delivered = expected.filter((cursor) => seen.has(keyOf(cursor))).length;
  const missing = expected.length - delivered;
  const exact = missing === 0 && unexpected === 0 ? 1 : 0;
  return { ranges: 1, exact, events, expected: expected.length, delivered, missing, unexpected, unjudged: 0 };
}

/** A record that cannot be decoded holds nothing that anybody could get: the worker dead-letters it. */
function eventsOf(
  value: Uint8Array | null,
  writers: ReadonlyMap<number, Writer>,
): { readonly event: DecodedEvent; readonly writer: AvroRecord }[] {
  if (value === null) return [];
  const schemaId = readSchemaId(value);
  const writer = schemaId === null ? undefined : writers.get(schemaId);
  if (!writer) return [];
  let decoded: Readonly<Record<string, unknown>>;
  try {
    decoded = writer.type.fromBuffer(Buffer.from(value).subarray(CONFLUENT_HEADER_BYTES));
  } catch {
    return [];
  }
  const { batchField } = writer.record;
  const items = batchField === undefined ? [decoded] : (decoded[batchField] as readonly DecodedEvent[]); // by its schema
  return items.map((event) => ({ event, writer: writer.event }));
}

function writerOf(text: string): Writer {
  const record = parseAvroSchema(text);
  if (record.kind !== 'record') throw new TypeError(`a topic's records are of type ${record.kind}`);
  return { record, event: eventSchemaOf(record), type: avscTypeOf(avsc, JSON.parse(text)) };
}

const cursorOf = ([offset, index]: readonly [number, number]): Cursor => ({ offset, index });
const keyOf = ({ offset, index }: Cursor): string => `${offset}/${index}`;
