// Reads a request's events in every form that has the topic's own schema: JSON, one event a line, objects that a door has
// made, and Avro. Each event is checked completely; what does not fit is answered with its place, and the others go on. Pure.

import { isAscii, isUtf8 } from 'node:buffer';
import avsc from 'avsc';
import { type AvroRecord, eventSchemaOf } from '../../schemas/avro/avro-type.ts';
import { avscTypeOf } from '../../schemas/avro/decoded-event.ts';
import { eventFromJson, type InputPlace } from '../../schemas/avro/event-json.ts';
import { parseAvroSchema } from '../../schemas/avro/parse.ts';
import { CONFLUENT_HEADER_BYTES, readSchemaId } from '../../schemas/confluent-wire.ts';
import type { CatalogTopic } from '../../schemas/coordination.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import type { IngestResult } from '../../schemas/ingest.ts';
import { encoderOf, type Write } from './avro/encoder.ts';
import { AvroOutput } from './avro/output.ts';
import { EventWalker } from './avro/walker.ts';
import type { EventBatch, EventToIngest, WriterSchema } from './event-batch.ts';

/** Fields by which events stay in order, the first that the schema has. */
const KEY_FIELDS = ['host', 'service', 'id'] as const;
const TENANT_FIELD = 'tenant';

/** How bytes that were written with one schema of the topic are read. */
export interface Writer {
  readonly walker: EventWalker;
  readonly isBatch: boolean;
  readonly schema: WriterSchema;
}

type Members = Readonly<Record<string, unknown>>;

export class EventReader {
  readonly record: AvroRecord;
  /** By registry id: the topic's own schemas. */
  readonly writers: ReadonlyMap<number, Writer>;
  readonly #schema: WriterSchema;
  readonly #type: avsc.Type;
  readonly #encode: Write;
  readonly #idField: string | undefined;
  readonly #keyField: string | undefined;
  /** What key and id are when they are not given, as far as the schema has defaults. */
  readonly #defaults: Members;
  /** The tenant to fill in, where the schema has a field for it. */
  readonly #tenant: string | undefined;
  readonly #maxEvents: number;
  readonly #out = new AvroOutput();

  /** @throws MdsError `MDS_SCHEMA_NOT_RECORD` */
  constructor(topic: CatalogTopic, maxEvents: number) {
    const schema = JSON.parse(topic.schema);
    const parsed = parseAvroSchema(schema);
    if (parsed.kind !== 'record') throw new MdsError('MDS_SCHEMA_NOT_RECORD', { found: parsed.kind });
    const record = eventSchemaOf(parsed);
    const texts = record.fields.filter(({ type }) => type.kind === 'string');
    const names = new Set(texts.map(({ name }) => name));
    this.record = record;
    this.#schema = { event: topic.schemaId, batch: topic.batchSchemaId ?? null };
    this.#type = avscTypeOf(avsc, schema);
    this.#encode = encoderOf(record);
    this.#idField = names.has('id') ? 'id' : undefined;
    this.#keyField = KEY_FIELDS.find((name) => names.has(name));
    this.#defaults = Object.fromEntries(texts.map(({ name, default: text }) => [name, text]));
    this.#tenant = names.has(TENANT_FIELD) ? topic.tenant : undefined;
    this.#maxEvents = maxEvents;
    this.writers = new Map([this.writer(record, topic.schemaId, false), ...this.#batchWriter(topic)]);
  }

  /** @param record of an event, written under `schemaId` by itself or in a batch record */
  writer(record: AvroRecord, schemaId: number, isBatch: boolean): [number, Writer] {
    const schema = isBatch ? { event: null, batch: schemaId } : { event: schemaId, batch: null };
    return [schemaId, { walker: new EventWalker(record, this.#idField, this.#keyField), isBatch, schema }];
  }

  /**
   * @param body a JSON array of events, or one event
   * @throws MdsError `MDS_REQUEST_INVALID` when it is neither, or holds too many
   */
  json(body: Buffer): EventBatch {
    const value = parsedJson(body);
    return this.objects(Array.isArray(value) ? value : [value]);
  }

  /** @param body one event a line; a line that is no event is rejected by itself */
  lines(body: Buffer): EventBatch {
    const reading = this.#begin();
    let line = 0;
    for (const text of textOf(body).split('\n')) {
      line++;
      if (text === '' || text.trim() === '') continue;
      const place = { index: reading.count++, line };
      if (reading.count > this.#maxEvents) throw tooMany(this.#maxEvents);
      try {
        this.#add(reading, parsedLine(text, place), place);
      } catch (error) {
        reading.reject(place, error);
      }
    }
    return reading.batch(this.#out, this.#schema);
  }

  /** @param events as parsed JSON */
  objects(events: readonly unknown[]): EventBatch {
    if (events.length > this.#maxEvents) throw tooMany(this.#maxEvents, events.length);
    const reading = this.#begin();
    for (const json of events) {
      const place = { index: reading.count++ };
      try {
        this.#add(reading, json, place);
      } catch (error) {
        reading.reject(place, error);
      }
    }
    return reading.batch(this.#out, this.#schema);
  }

  /**
   * @param body one record with the Confluent header, as it would stand in Kafka
   * @param writer for the id in the header
   * @throws MdsError as `EventWalker.walk`: bytes behind damage cannot be told apart, so the request is refused whole
   */
  avro(body: Buffer, { walker, isBatch, schema }: Writer): EventBatch {
    const reading = new Reading();
    const left = walker.walk(body, CONFLUENT_HEADER_BYTES, isBatch, (event) => {
      if (event.index >= this.#maxEvents) throw tooMany(this.#maxEvents);
      reading.add(event);
    });
    if (left > 0) throw new MdsError('MDS_RECORD_TRAILING_BYTES', { count: left });
    return { bytes: body, events: reading.events, results: reading.results, schema };
  }

  #begin(): Reading {
    this.#out.reset();
    return new Reading();
  }

  #add(reading: Reading, json: unknown, place: InputPlace & { readonly index: number }): void {
    const out = this.#out;
    const start = out.at;
    const given = this.#withTenant(json);
    let members = given as Members; // the encoder takes objects only
    if (!this.#encode(out, given)) {
      out.at = start;
      const value = eventFromJson(given, this.record, place);
      out.raw(this.#bytesOf(value, place));
      members = value as Members; // a record's value
    }
    const eventId = this.#text(members, this.#idField);
    const key = this.#keyField === this.#idField ? eventId : this.#text(members, this.#keyField);
    reading.add({ index: place.index, eventId, key, start, end: out.at });
  }

  #bytesOf(value: unknown, place: InputPlace): Buffer {
    try {
      return this.#type.toBuffer(value);
    } catch (cause) {
      // such as a time beyond what a long of nanoseconds can hold
      throw new MdsError('MDS_EVENT_INVALID', { ...place, path: '$', reason: reasonOf(cause) }, { cause });
    }
  }

  #withTenant(json: unknown): unknown {
    if (this.#tenant === undefined || typeof json !== 'object' || json === null || Array.isArray(json)) return json;
    return TENANT_FIELD in json ? json : Object.assign(json, { [TENANT_FIELD]: this.#tenant });
  }

  /** A text field as the bytes have it: half a surrogate pair is written as U+FFFD. */
  #text(members: Members, name: string | undefined): string | null {
    return name === undefined ? null : String(members[name] ?? this.#defaults[name]).toWellFormed();
  }

  #batchWriter({ batchSchemaId }: CatalogTopic): readonly [number, Writer][] {
    return batchSchemaId === undefined ? [] : [this.writer(this.record, batchSchemaId, true)];
  }
}

/** What has been read of a request so far. */
class Reading {
  count = 0;
  readonly events: EventToIngest[] = [];
  readonly results: IngestResult[] = [];
  readonly #seen = new Set<string>();

  add(event: EventToIngest): void {
    const { eventId, index } = event;
    if (eventId !== null) {
      const before = this.#seen.size;
      if (this.#seen.add(eventId).size === before) {
        this.results.push({ index, status: 'duplicate', partition: null, offset: null, recordIndex: null });
        return;
      }
    }
    this.events.push(event);
  }

  /** @param error what the event was refused with; anything else is a bug, and is thrown on */
  reject(place: { readonly index: number; readonly line?: number }, error: unknown): void {
    if (!(error instanceof MdsError)) throw error;
    const { code, message, details } = error;
    this.results.push({ ...place, status: 'rejected', code, path: String(details.path ?? '$'), detail: message });
  }

  batch(out: AvroOutput, schema: WriterSchema): EventBatch {
    return { bytes: Buffer.from(out.bytes.subarray(0, out.at)), events: this.events, results: this.results, schema };
  }
}

/** @throws MdsError `MDS_RECORD_NOT_FRAMED` */
export function schemaIdOf(body: Uint8Array): number {
  const schemaId = readSchemaId(body);
  if (schemaId === null) throw new MdsError('MDS_RECORD_NOT_FRAMED');
  return schemaId;
}

/** @throws MdsError `MDS_REQUEST_INVALID` */
export function textOf(body: Buffer): string {
  if (isAscii(body)) return body.toString('latin1'); // the same, and quicker
  if (!isUtf8(body)) throw new MdsError('MDS_REQUEST_INVALID', { problems: ['the body is not UTF-8'] });
  return body.toString('utf8');
}

/** @throws MdsError `MDS_REQUEST_INVALID` */
export function parsedJson(body: Buffer): unknown {
  const text = textOf(body);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MdsError('MDS_REQUEST_INVALID', { problems: [`the body is not JSON: ${reasonOf(cause)}`] }, { cause });
  }
}

function parsedLine(line: string, place: InputPlace): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    const details = { ...place, path: '$', reason: `it is not JSON: ${reasonOf(cause)}` };
    throw new MdsError('MDS_EVENT_INVALID', details, { cause });
  }
}

const tooMany = (limit: number, count?: number): MdsError =>
  new MdsError('MDS_REQUEST_INVALID', {
    problems: [
      `a request may have ${limit} events, this one has ${count === undefined ? 'more' : count}; send several`,
    ],
  });
