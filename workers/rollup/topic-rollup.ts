// One topic's rollup in this worker: its definition, the series it knows, and a reader for each writer's schema.

import { type AvroRecord, eventSchemaOf } from '../../schemas/avro/avro-type.ts';
import { parseAvroSchema } from '../../schemas/avro/parse.ts';
import type { CatalogTopic } from '../../schemas/coordination.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import type { RollupDefinition } from '../../schemas/rollup/definition.ts';
import { generateScanner } from '../stream/kernel/scan/scanner.ts';
import type { SeriesNames } from './series-names.ts';
import { SeriesReader } from './series-reader.ts';

/** Ids come from records: more than this is garbage, and readers are made again when they are needed. */
const MAX_READERS = 1000;

export function eventRecordOf({ schema }: CatalogTopic): AvroRecord {
  const parsed = parseAvroSchema(schema);
  if (parsed.kind !== 'record') throw new MdsError('MDS_SCHEMA_NOT_RECORD', { found: parsed.kind });
  return eventSchemaOf(parsed);
}

export class TopicRollup {
  readonly topic: CatalogTopic;
  readonly rollupId: number;
  readonly definition: RollupDefinition;
  readonly names: SeriesNames;
  readonly #record: AvroRecord;
  readonly #readers = new Map<number, SeriesReader | MdsError>();

  constructor(topic: CatalogTopic, rollupId: number, definition: RollupDefinition, names: SeriesNames) {
    this.topic = topic;
    this.rollupId = rollupId;
    this.definition = definition;
    this.names = names;
    this.#record = eventRecordOf(topic);
  }

  hasReader(schemaId: number): boolean {
    return this.#readers.has(schemaId);
  }

  /** @param text the schema's text */
  addReader(schemaId: number, text: string): void {
    if (this.#readers.size >= MAX_READERS) this.#readers.clear();
    this.#readers.set(schemaId, this.#readerOf(text));
  }

  /** @throws MdsError when the schema cannot be used, or was not added: nothing written with it can be read */
  reader(schemaId: number): SeriesReader {
    const reader = this.#readers.get(schemaId);
    if (reader === undefined) throw new MdsError('MDS_SCHEMA_UNKNOWN_ID', { schemaId });
    if (reader instanceof MdsError) throw reader;
    return reader;
  }

  #readerOf(text: string): SeriesReader | MdsError {
    try {
      const record = parseAvroSchema(text);
      if (record.kind !== 'record') return new MdsError('MDS_SCHEMA_NOT_RECORD', { found: record.kind });
      return new SeriesReader(this.definition, this.#record, generateScanner(record));
    } catch (error) {
      if (error instanceof MdsError) return error;
      return new MdsError('MDS_SCHEMA_INVALID', { reason: reasonOf(error) }, { cause: error });
    }
  }
}
