// The schemas a topic is registered with: its event record as given, and the batch record that holds an array of them.

import { eventSchemaOf } from '../../schemas/avro/avro-type.ts';
import { parseAvroSchema } from '../../schemas/avro/parse.ts';
import { MdsError } from '../../schemas/errors.ts';

export type SchemaJson = Readonly<Record<string, unknown>>;

/**
 * Checks a schema that is to become a topic's.
 *
 * @throws MdsError `MDS_SCHEMA_INVALID` or `MDS_SCHEMA_NOT_RECORD`
 */
export function checkEventSchema(schema: SchemaJson): void {
  const parsed = parseAvroSchema(schema);
  if (parsed.kind !== 'record') throw new MdsError('MDS_SCHEMA_NOT_RECORD', { found: `of type ${parsed.kind}` });
  if (eventSchemaOf(parsed) !== parsed) {
    throw new MdsError('MDS_SCHEMA_NOT_RECORD', { found: 'a batch record; give the record of one event' });
  }
}

/** @param schema one that passed `checkEventSchema` @returns the batch record with the event record inlined */
export function batchSchemaOf(schema: SchemaJson): SchemaJson {
  const { name, namespace } = splitName(schema);
  return {
    type: 'record',
    name: `${name}Batch`,
    ...(namespace === '' ? {} : { namespace }),
    doc: 'Many events in one Kafka record; index i of the array is cursor index i.',
    'mds.batch': 'events',
    fields: [{ name: 'events', type: { type: 'array', items: schema } }],
  };
}

function splitName(schema: SchemaJson): { readonly name: string; readonly namespace: string } {
  const full = String(schema.name);
  const dot = full.lastIndexOf('.');
  if (dot !== -1) return { name: full.slice(dot + 1), namespace: full.slice(0, dot) };
  return { name: full, namespace: typeof schema.namespace === 'string' ? schema.namespace : '' };
}
