// Confluent-framed record → events, each decoded with its WRITER's schema. Everything wrong with a record comes out as an
// MdsError with the code of its reject; nothing in a record can make this crash, hang or allocate out of proportion.

import avsc from 'avsc';
import { type AvroRecord, eventSchemaOf } from '../../../schemas/avro/avro-type.ts';
import { avscTypeOf, type DecodedEvent } from '../../../schemas/avro/decoded-event.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { CONFLUENT_HEADER_BYTES, readSchemaId } from '../../../schemas/confluent-wire.ts';
import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import { type AvroCheck, compileAvroCheck } from './check-avro.ts';

/** One writer's schema, ready for use. */
export interface WriterSchema {
  readonly schemaId: number;
  /** Schema of one event, also when a record holds many. */
  readonly eventSchema: AvroRecord;
  readonly batchField: string | undefined;
  readonly check: AvroCheck;
  readonly type: avsc.Type;
}

export interface DecodedRecord {
  readonly schema: WriterSchema;
  /** Place in the list = index of the event's cursor. */
  readonly events: readonly DecodedEvent[];
}

export class RecordDecoder {
  /** A schema that cannot be used is kept as its error, which every record written with it gets. */
  readonly #schemas = new Map<number, WriterSchema | MdsError>();

  /** @param text schema JSON, self-contained */
  addSchema(schemaId: number, text: string): void {
    this.#schemas.set(schemaId, compileWriterSchema(schemaId, text));
  }

  /**
   * @throws MdsError `MDS_RECORD_NOT_FRAMED`, `MDS_SCHEMA_UNKNOWN_ID` (no schema was added under the record's id),
   * `MDS_SCHEMA_INVALID`, `MDS_SCHEMA_NOT_RECORD`, or what `AvroCheck` throws
   */
  decode(record: Buffer): DecodedRecord {
    const schemaId = readSchemaId(record);
    if (schemaId === null) throw new MdsError('MDS_RECORD_NOT_FRAMED');
    const schema = this.#schemas.get(schemaId);
    if (schema === undefined) throw new MdsError('MDS_SCHEMA_UNKNOWN_ID', { schemaId });
    if (schema instanceof MdsError) throw schema;
    schema.check(record, CONFLUENT_HEADER_BYTES);
    const { value, offset } = decodeWith(schema.type, record);
    if (offset !== record.length) throw new MdsError('MDS_RECORD_CORRUPT', { reason: 'its decoders disagree' });
    return { schema, events: eventsOf(value, schema) };
  }
}

function compileWriterSchema(schemaId: number, text: string): WriterSchema | MdsError {
  try {
    const parsed = parseAvroSchema(text);
    if (parsed.kind !== 'record') return new MdsError('MDS_SCHEMA_NOT_RECORD', { found: parsed.kind });
    return {
      schemaId,
      eventSchema: eventSchemaOf(parsed),
      batchField: parsed.batchField,
      check: compileAvroCheck(parsed),
      type: avscTypeOf<avsc.Type>(avsc, JSON.parse(text)),
    };
  } catch (error) {
    if (error instanceof MdsError) return error;
    return new MdsError('MDS_SCHEMA_INVALID', { reason: reasonOf(error) }, { cause: error });
  }
}

function decodeWith(type: avsc.Type, record: Buffer): { value: unknown; offset: number } {
  try {
    return type.decode(record, CONFLUENT_HEADER_BYTES);
  } catch (error) {
    throw new MdsError('MDS_RECORD_CORRUPT', { reason: reasonOf(error) }, { cause: error });
  }
}

function eventsOf(value: unknown, { batchField, type }: WriterSchema): readonly DecodedEvent[] {
  if (!isRecord(value))
    throw new MdsError('MDS_RECORD_CORRUPT', { reason: `${type.name} was not decoded to an object` });
  if (batchField === undefined) return [value];
  const events = value[batchField];
  if (!Array.isArray(events)) throw new MdsError('MDS_RECORD_CORRUPT', { reason: `${batchField} is not an array` });
  return events;
}

const isRecord = (value: unknown): value is DecodedEvent => typeof value === 'object' && value !== null;
