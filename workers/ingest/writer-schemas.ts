// The schemas that Avro records may be written with: the topic's own; and, for producers that have not been told of the newest
// version yet, every one in the registry that the topic's schema can read.

import type avsc from 'avsc';
import type { SchemaRegistry } from '../../platform/registry.ts';
import { type AvroRecord, eventSchemaOf } from '../../schemas/avro/avro-type.ts';
import { avroJsonOf } from '../../schemas/avro/json.ts';
import { parseAvroSchema } from '../../schemas/avro/parse.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import type { EventReader, Writer } from './event-reader.ts';

/** Of each topic: versions that producers really use at the same time are a handful. */
const MAX_KNOWN = 50;

export class WriterSchemas {
  readonly #registry: Pick<SchemaRegistry, 'getSchemaById'>;
  readonly #avsc: typeof avsc;
  /** A reader stands for one version of one topic, and what was compared with it goes with it. */
  readonly #known = new WeakMap<EventReader, Map<number, Writer>>();

  constructor(registry: Pick<SchemaRegistry, 'getSchemaById'>, avscModule: typeof avsc) {
    this.#registry = registry;
    this.#avsc = avscModule;
  }

  /** @throws MdsError `MDS_SCHEMA_UNKNOWN_ID`, `MDS_SCHEMA_MISMATCH`, or `MDS_DEPENDENCY_UNAVAILABLE` */
  async find(reader: EventReader, schemaId: number): Promise<Writer> {
    const own = reader.writers.get(schemaId);
    if (own) return own;
    const known = this.#known.get(reader) ?? new Map<number, Writer>();
    this.#known.set(reader, known);
    const found = known.get(schemaId);
    if (found) return found;
    const answer = await this.#registry.getSchemaById(schemaId);
    if (answer === 'unknown') throw new MdsError('MDS_SCHEMA_UNKNOWN_ID', { schemaId });
    const [, writer] = this.#writerFor(reader, schemaId, answer.schema);
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(schemaId, writer);
    return writer;
  }

  #writerFor(reader: EventReader, schemaId: number, schema: string): [number, Writer] {
    const mismatch = (reason: string, cause?: unknown): MdsError =>
      new MdsError('MDS_SCHEMA_MISMATCH', { schemaId, reason }, { cause });
    const record = parseAvroSchema(schema);
    if (record.kind !== 'record') throw mismatch(`it is ${record.kind} and no record`);
    const isBatch = record.batchField !== undefined;
    if (isBatch && record.fields.length > 1) throw mismatch('its batch record has other fields than the events');
    const event = eventSchemaOf(record);
    if (event.name !== reader.record.name) throw mismatch(`it is ${event.name} and not ${reader.record.name}`);
    try {
      this.#typeOf(reader.record).createResolver(this.#typeOf(event));
    } catch (cause) {
      throw mismatch(reasonOf(cause), cause);
    }
    return reader.writer(record, schemaId, isBatch);
  }

  #typeOf = (record: AvroRecord): avsc.Type =>
    this.#avsc.Type.forSchema(avroJsonOf(record) as avsc.Schema, { wrapUnions: 'always' }); // what was parsed before
}
