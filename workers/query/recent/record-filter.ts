// The events of a record that a plan takes, as JSON text: decoded with the schema that the record was written with.

import avsc from 'avsc';
import { eventSchemaOf } from '../../../schemas/avro/avro-type.ts';
import { avscTypeOf, type DecodedEvent } from '../../../schemas/avro/decoded-event.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { CONFLUENT_HEADER_BYTES, readSchemaId } from '../../../schemas/confluent-wire.ts';
import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import { compileFilter, compileProjection } from '../../../schemas/plan/evaluate.ts';
import type { Plan } from '../../../schemas/plan/plan.ts';

export interface MatchedEvent {
  /** Place in the record. */
  readonly index: number;
  readonly json: string;
}

type Read = (body: Buffer) => MatchedEvent[];

export class RecordFilter {
  readonly #plan: Plan;
  readonly #schema: (schemaId: number) => Promise<string | null>;
  readonly #readers = new Map<number, Read | null>();

  /** @param schema text of a writer's schema, null when there is none */
  constructor(plan: Plan, schema: (schemaId: number) => Promise<string | null>) {
    this.#plan = plan;
    this.#schema = schema;
  }

  /** @returns null for a record that cannot be read */
  async match(value: Buffer | null): Promise<MatchedEvent[] | null> {
    if (value === null) return [];
    const schemaId = readSchemaId(value);
    if (schemaId === null) return null;
    let read = this.#readers.get(schemaId);
    if (read === undefined) {
      read = this.#made(await this.#schema(schemaId));
      this.#readers.set(schemaId, read);
    }
    try {
      return read === null ? null : read(value.subarray(CONFLUENT_HEADER_BYTES));
    } catch {
      return null; // its bytes do not fit its schema: counted by the caller
    }
  }

  #made(text: string | null): Read | null {
    if (text === null) return null;
    const record = parseAvroSchema(text);
    if (record.kind !== 'record') return null;
    let type: avsc.Type;
    try {
      type = avscTypeOf(avsc, JSON.parse(text));
    } catch (cause) {
      throw new MdsError('MDS_SCHEMA_INVALID', { reason: reasonOf(cause) }, { cause });
    }
    const writer = eventSchemaOf(record);
    const matches = compileFilter(this.#plan, writer);
    const toJson = compileProjection(this.#plan, writer);
    return (body) => {
      const decoded: DecodedEvent = type.fromBuffer(body);
      const inRecord = record.batchField === undefined ? [decoded] : decoded[record.batchField];
      const events: readonly DecodedEvent[] = Array.isArray(inRecord) ? inRecord : [];
      return events.flatMap((event, index) => (matches(event) ? [{ index, json: toJson(event) }] : []));
    };
  }
}
