// How many events records hold, or how many of them somebody may read: walked by the kernel's scanners, decoded by nobody. No I/O.

import { CONFLUENT_HEADER_BYTES } from '../../../schemas/confluent-wire.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { WriterSchemas } from '../kernel/writer-schemas.ts';
import { SlabReader } from '../slab.ts';
import type { CountTask, NamedSchema } from './explain-task.ts';
import { ReadableEvents } from './readable-events.ts';

/** @returns by place in the slab; -1 for a record that cannot be read or has no value */
export function countEvents({ schemas: named, slab, mandatory }: Omit<CountTask, 'kind'>): Int32Array {
  const schemas = schemasOf(named);
  const reader = new SlabReader(slab);
  const { bytes } = reader;
  const readable = mandatory === undefined ? null : new ReadableEvents(mandatory);
  return Int32Array.from({ length: reader.recordCount }, (_, place) => {
    const length = reader.valueLength(place);
    if (length < 0) return 0; // a tombstone is no event, and no reject
    const start = reader.valueStart(place);
    try {
      const schema = schemas.of(bytes, start, start + length);
      if (readable) return readable.of(schema, bytes, start, start + length).length;
      const { scanner } = schema;
      return scanner.record(bytes, start + CONFLUENT_HEADER_BYTES, start + length, () => true);
    } catch (error) {
      if (error instanceof MdsError) return -1;
      throw error;
    }
  });
}

export function schemasOf(named: readonly NamedSchema[]): WriterSchemas {
  const schemas = new WriterSchemas();
  for (const { schemaId, text } of named) schemas.add(schemaId, text);
  return schemas;
}
