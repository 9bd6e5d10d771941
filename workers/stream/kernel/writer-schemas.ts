// The schemas that records were written with, each compiled once into code that walks its bytes.

import { type AvroRecord, eventSchemaOf } from '../../../schemas/avro/avro-type.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { CONFLUENT_HEADER_BYTES } from '../../../schemas/confluent-wire.ts';
import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import { generateScanner, Scanner, type ScannerCode } from './scan/scanner.ts';

export interface WriterSchema {
  readonly schemaId: number;
  /** Schema of one event, also when a record holds many. */
  readonly eventSchema: AvroRecord;
  readonly code: ScannerCode;
  /** For records that nobody wants: a bad one is found when it was written and not when somebody subscribes. */
  readonly scanner: Scanner;
}

export class WriterSchemas {
  /** A schema that cannot be used is kept as its error, which every record written with it gets. */
  readonly #schemas = new Map<number, WriterSchema | MdsError>();

  /** @param text schema JSON, self-contained */
  add(schemaId: number, text: string): void {
    this.#schemas.set(schemaId, compiled(schemaId, text));
  }

  /**
   * @param b holds a Confluent-framed record from `start` to `end`
   * @throws MdsError `MDS_RECORD_NOT_FRAMED`, `MDS_SCHEMA_UNKNOWN_ID` (no schema was added under the record's id),
   * `MDS_SCHEMA_INVALID` or `MDS_SCHEMA_NOT_RECORD`
   */
  of(b: Uint8Array, start: number, end: number): WriterSchema {
    if (end - start < CONFLUENT_HEADER_BYTES || b[start] !== 0) throw new MdsError('MDS_RECORD_NOT_FRAMED');
    const low = ((b[start + 2] ?? 0) << 16) | ((b[start + 3] ?? 0) << 8) | (b[start + 4] ?? 0);
    const schemaId = (b[start + 1] ?? 0) * 0x1000000 + low;
    const schema = this.#schemas.get(schemaId);
    if (schema === undefined) throw new MdsError('MDS_SCHEMA_UNKNOWN_ID', { schemaId });
    if (schema instanceof MdsError) throw schema;
    return schema;
  }
}

function compiled(schemaId: number, text: string): WriterSchema | MdsError {
  try {
    const record = parseAvroSchema(text);
    if (record.kind !== 'record') return new MdsError('MDS_SCHEMA_NOT_RECORD', { found: record.kind });
    const code = generateScanner(record);
    return { schemaId, eventSchema: eventSchemaOf(record), code, scanner: new Scanner(code) };
  } catch (error) {
    if (error instanceof MdsError) return error;
    return new MdsError('MDS_SCHEMA_INVALID', { reason: reasonOf(error) }, { cause: error });
  }
}
