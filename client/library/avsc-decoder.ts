// Decodes Avro events with avsc, in Node: `connect({ api, format: 'avro', avro: { decoder: avscDecoder } })`. An entry of
// its own, so that a page that bundles the library does not get avsc with it.

import avsc from 'avsc';
import { avscTypeOf } from '../../schemas/avro/decoded-event.ts';
import { parseAvroSchema } from '../../schemas/avro/parse.ts';
import { MdsError } from '../../schemas/errors.ts';
import { jsonWriter } from '../../schemas/plan/json-writer.ts';

/** Values are the same as in mds.v1.json (docs/decisions/0006-numbers-in-json.md), so that a program may use either. */
export function avscDecoder(eventSchema: unknown): (bytes: Uint8Array) => unknown {
  const type: avsc.Type = avscTypeOf(avsc, eventSchema);
  const record = parseAvroSchema(eventSchema);
  if (record.kind !== 'record') throw new MdsError('MDS_SCHEMA_NOT_RECORD', { found: `of type ${record.kind}` });
  const toJson = jsonWriter(record, null, new Map());
  return (bytes) => JSON.parse(toJson(type.fromBuffer(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))));
}
