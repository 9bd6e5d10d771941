// One line of input to one event ready to be encoded, with the key that decides its partition.

import { randomUUID } from 'node:crypto';
import { type AvroField, type AvroRecord, eventSchemaOf } from '../../schemas/avro/avro-type.ts';
import { eventFromJson } from '../../schemas/avro/event-json.ts';
import { parseAvroSchema } from '../../schemas/avro/parse.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';

export interface PublishableEvent {
  readonly value: unknown;
  /** null: any partition. */
  readonly key: string | null;
}

export class EventReader {
  readonly #record: AvroRecord;
  readonly #fill: readonly (readonly [name: string, make: () => unknown])[];
  readonly #keyField: string | undefined;

  /** @throws MdsError `MDS_REQUEST_INVALID` when there is no such key field; `MDS_SCHEMA_NOT_RECORD` */
  constructor(schema: unknown, fill: boolean, keyField: string | undefined) {
    const type = parseAvroSchema(schema);
    if (type.kind !== 'record') throw new MdsError('MDS_SCHEMA_NOT_RECORD', { found: `of type ${type.kind}` });
    this.#record = eventSchemaOf(type);
    if (keyField !== undefined && !this.#record.fields.some(({ name }) => name === keyField)) {
      throw new MdsError('MDS_REQUEST_INVALID', { problems: [`--key ${keyField} is no field of the topic's events`] });
    }
    this.#keyField = keyField;
    this.#fill = fill ? this.#record.fields.flatMap(fillOf) : [];
  }

  /**
   * @returns null for an empty line
   * @throws MdsError `MDS_EVENT_INVALID` with line and path
   */
  read(text: string, line: number): PublishableEvent | null {
    if (text.trim() === '') return null;
    const json = this.#filled(parse(text, line));
    const value = eventFromJson(json, this.#record, { index: `in line ${line}`, line });
    if (this.#keyField === undefined) return { value, key: null };
    const key: unknown = Reflect.get(Object(json), this.#keyField);
    return { value, key: typeof key === 'string' ? key : JSON.stringify(key ?? null) };
  }

  #filled(json: unknown): unknown {
    if (this.#fill.length === 0 || typeof json !== 'object' || json === null) return json;
    const filled: Record<string, unknown> = { ...json };
    for (const [name, make] of this.#fill) filled[name] ??= make();
    return filled;
  }
}

function fillOf({ name, type, hasDefault }: AvroField): (readonly [string, () => unknown])[] {
  if (hasDefault) return [];
  if (name === 'id' && type.kind === 'string') return [[name, randomUUID]];
  const isTimestamp = type.kind === 'long' && type.logical?.name.startsWith('timestamp');
  return isTimestamp ? [[name, () => new Date().toISOString()]] : [];
}

function parse(text: string, line: number): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const details = { index: `in line ${line}`, line, path: '$', reason: `it is not JSON: ${reasonOf(cause)}` };
    throw new MdsError('MDS_EVENT_INVALID', details, { cause });
  }
}
