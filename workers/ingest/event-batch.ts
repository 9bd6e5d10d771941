// A request's body as events ready to be produced: JSON array or NDJSON in, checked against the topic's schema, encoded. What
// is not valid, and what stands twice in the request, is answered here already. Pure.

import avsc from 'avsc';
import { type AvroRecord, eventSchemaOf } from '../../schemas/avro/avro-type.ts';
import { avscTypeOf } from '../../schemas/avro/decoded-event.ts';
import { eventFromJson } from '../../schemas/avro/event-json.ts';
import { parseAvroSchema } from '../../schemas/avro/parse.ts';
import { encodeConfluent } from '../../schemas/confluent-wire.ts';
import type { CatalogTopic } from '../../schemas/coordination.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import type { IngestResult } from '../../schemas/ingest.ts';

export interface EventToIngest {
  readonly index: number;
  /** Null: the schema has no `id`, so nothing is known by it. */
  readonly eventId: string | null;
  /** Decides the partition. */
  readonly key: string | null;
  readonly record: Uint8Array;
}

export interface EventBatch {
  readonly events: readonly EventToIngest[];
  readonly results: readonly IngestResult[];
}

/** Fields by which events stay in order, the first that the schema has. */
const KEY_FIELDS = ['host', 'service', 'id'] as const;

/** Reads and encodes events of one topic's schema. */
export class EventBatchReader {
  readonly #schemaId: number;
  readonly #record: AvroRecord;
  readonly #type: avsc.Type;
  readonly #hasId: boolean;
  readonly #keyField: string | undefined;
  readonly #maxEvents: number;

  /** @throws MdsError `MDS_SCHEMA_NOT_RECORD` */
  constructor(topic: CatalogTopic, maxEvents: number) {
    const schema = JSON.parse(topic.schema);
    const parsed = parseAvroSchema(schema);
    if (parsed.kind !== 'record') throw new MdsError('MDS_SCHEMA_NOT_RECORD', { found: parsed.kind });
    this.#schemaId = topic.schemaId;
    this.#record = eventSchemaOf(parsed);
    this.#type = avscTypeOf(avsc, schema);
    const names = new Set(this.#record.fields.filter(({ type }) => type.kind === 'string').map(({ name }) => name));
    this.#hasId = names.has('id');
    this.#keyField = KEY_FIELDS.find((name) => names.has(name));
    this.#maxEvents = maxEvents;
  }

  /**
   * @param text a JSON array of events, or one event in each line
   * @throws MdsError `MDS_REQUEST_INVALID` when it is neither, or holds too many
   */
  read(text: string, form: 'array' | 'lines'): EventBatch {
    const items = form === 'array' ? arrayItems(text) : lineItems(text);
    if (items.length > this.#maxEvents) {
      throw new MdsError('MDS_REQUEST_INVALID', {
        problems: [`a request may have ${this.#maxEvents} events, this one has ${items.length}; send several`],
      });
    }
    const events: EventToIngest[] = [];
    const results: IngestResult[] = [];
    const seen = new Set<string>();
    for (const [index, item] of items.entries()) {
      try {
        const event = this.#eventOf(item(), index);
        if (event.eventId !== null && seen.has(event.eventId)) {
          results.push({ index, status: 'duplicate', partition: null, offset: null });
          continue;
        }
        if (event.eventId !== null) seen.add(event.eventId);
        events.push(event);
      } catch (error) {
        if (!(error instanceof MdsError)) throw error;
        const { code, message, details } = error;
        results.push({ index, status: 'rejected', code, path: String(details.path ?? '$'), detail: message });
      }
    }
    return { events, results };
  }

  #eventOf(json: unknown, index: number): EventToIngest {
    const value = eventFromJson(json, this.#record, { index });
    const members = value as Readonly<Record<string, unknown>>; // a record's value
    const key = this.#keyField === undefined ? null : String(members[this.#keyField]);
    const eventId = this.#hasId ? String(members.id) : null;
    return { index, eventId, key, record: encodeConfluent(this.#schemaId, this.#type.toBuffer(value)) };
  }
}

type Item = () => unknown;

function arrayItems(text: string): Item[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new MdsError('MDS_REQUEST_INVALID', { problems: [`the body is not JSON: ${reasonOf(cause)}`] }, { cause });
  }
  const items: unknown[] = Array.isArray(value) ? value : [value];
  return items.map((item) => () => item);
}

function lineItems(text: string): Item[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line, index) => () => {
    try {
      return JSON.parse(line);
    } catch (cause) {
      const details = { index, path: '$', reason: `it is not JSON: ${reasonOf(cause)}` };
      throw new MdsError('MDS_EVENT_INVALID', details, { cause });
    }
  });
}
