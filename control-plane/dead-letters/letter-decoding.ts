// Reading dead letters: their own records, whichever version of the schema wrote them, and the original records inside.

import avsc from 'avsc';
import { type DeadLetterRecord, deadLetterReader } from '../../platform/dead-letter-record.ts';
import type { SchemaRegistry } from '../../platform/registry.ts';
import { eventSchemaOf } from '../../schemas/avro/avro-type.ts';
import { avscTypeOf, type DecodedEvent } from '../../schemas/avro/decoded-event.ts';
import { parseAvroSchema } from '../../schemas/avro/parse.ts';
import { CONFLUENT_HEADER_BYTES, readSchemaId } from '../../schemas/confluent-wire.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import { compileFilter } from '../../schemas/plan/evaluate.ts';
import { jsonWriter } from '../../schemas/plan/json-writer.ts';
import type { Plan } from '../../schemas/plan/plan.ts';

/** Versions of DeadLetter: one for each release that changed it. */
const MAX_VERSIONS = 50;
/** A record may hold thousands of events; so many show what it is. */
const MAX_SHOWN_EVENTS = 100;

type SchemaSource = Pick<SchemaRegistry, 'getSchemaById'>;

export interface DecodedOriginal {
  readonly schemaId: number | null;
  /** As JSON values. */
  readonly events: readonly unknown[];
  readonly problem: { readonly code: string; readonly message: string } | null;
}

export class LetterDecoding {
  readonly #registry: SchemaSource;
  readonly #versions = new Map<number, (record: Uint8Array) => DeadLetterRecord>();

  constructor(registry: SchemaSource) {
    this.#registry = registry;
  }

  /** @throws MdsError when it is no dead letter, or the registry is away (retryable) */
  async letter(record: Uint8Array): Promise<DeadLetterRecord> {
    const schemaId = readSchemaId(record);
    if (schemaId === null) throw new MdsError('MDS_RECORD_NOT_FRAMED');
    let read = this.#versions.get(schemaId);
    try {
      if (read === undefined) {
        read = deadLetterReader(await this.#schema(schemaId));
        if (this.#versions.size >= MAX_VERSIONS) this.#versions.clear();
        this.#versions.set(schemaId, read);
      }
      return read(record);
    } catch (cause) {
      if (cause instanceof MdsError) throw cause;
      throw new MdsError('MDS_RECORD_CORRUPT', { reason: reasonOf(cause) }, { cause });
    }
  }

  /**
   * @param index of the event in the record; null: all of it
   * @throws MdsError when the registry is away
   */
  async original(value: Uint8Array | null, index: number | null): Promise<DecodedOriginal> {
    const schemaId = value === null ? null : readSchemaId(value);
    try {
      if (value === null) throw new MdsError('MDS_RECORD_CORRUPT', { reason: 'its bytes are not here' });
      if (schemaId === null) throw new MdsError('MDS_RECORD_NOT_FRAMED');
      const events = eventsOf(await this.#schema(schemaId), value.subarray(CONFLUENT_HEADER_BYTES));
      if (index === null) return { schemaId, events: events(0, MAX_SHOWN_EVENTS), problem: null };
      const [event] = events(index, 1);
      if (event === undefined) throw new MdsError('MDS_RECORD_CORRUPT', { reason: `it has no event ${index}` });
      return { schemaId, events: [event], problem: null };
    } catch (error) {
      if (error instanceof MdsError && error.retryable) throw error;
      const { code, message } = error instanceof MdsError ? error : corrupt(error);
      return { schemaId, events: [], problem: { code, message } };
    }
  }

  /**
   * Which events of a record a plan's filter lets through, in their order.
   *
   * @returns null when the record cannot be decoded: then nobody can tell
   * @throws MdsError when the registry is away
   */
  async judged(value: Uint8Array, plan: Plan): Promise<boolean[] | null> {
    const schemaId = readSchemaId(value);
    if (schemaId === null) return null;
    try {
      const schema = await this.#schema(schemaId);
      const { events, type } = decoded(schema, value.subarray(CONFLUENT_HEADER_BYTES));
      return events.map(compileFilter(plan, eventSchemaOf(type)));
    } catch (error) {
      if (error instanceof MdsError && error.retryable) throw error;
      return null;
    }
  }

  async #schema(schemaId: number): Promise<string> {
    const found = await this.#registry.getSchemaById(schemaId);
    if (found === 'unknown') throw new MdsError('MDS_SCHEMA_UNKNOWN_ID', { schemaId });
    return found.schema;
  }
}

const corrupt = (error: unknown): MdsError => new MdsError('MDS_RECORD_CORRUPT', { reason: reasonOf(error) });

function decoded(schema: string, body: Uint8Array) {
  const type = parseAvroSchema(schema);
  if (type.kind !== 'record') throw new MdsError('MDS_SCHEMA_NOT_RECORD', { found: `of type ${type.kind}` });
  const avscType: avsc.Type = avscTypeOf(avsc, JSON.parse(schema));
  const whole: DecodedEvent = avscType.fromBuffer(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
  const inRecord = type.batchField === undefined ? [whole] : whole[type.batchField];
  const events: readonly DecodedEvent[] = Array.isArray(inRecord) ? inRecord : [];
  return { events, type };
}

/** @returns what gives a slice of the record's events as JSON values */
function eventsOf(schema: string, body: Uint8Array): (from: number, count: number) => unknown[] {
  const { events, type } = decoded(schema, body);
  const toJson = jsonWriter(eventSchemaOf(type), null, new Map());
  return (from, count) => events.slice(from, from + count).map((event) => JSON.parse(toJson(event)));
}
