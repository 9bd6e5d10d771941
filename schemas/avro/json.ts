// The model back to schema JSON that parseAvroSchema reads: deterministic, so that it can be part of a hash.

import type { AvroType, LogicalType } from './avro-type.ts';

/**
 * Normalised schema JSON: full names, no docs, fixed key order; a name is defined where it first occurs.
 */
export function avroJsonOf(type: AvroType, defined: Set<string> = new Set()): unknown {
  switch (type.kind) {
    case 'record': {
      if (defined.has(type.name)) return type.name;
      defined.add(type.name);
      const fields = type.fields.map((field) => ({
        name: field.name,
        type: avroJsonOf(field.type, defined),
        ...(field.hasDefault ? { default: field.default } : {}),
        ...(field.aliases.length > 0 ? { aliases: field.aliases } : {}),
      }));
      return { type: 'record', name: type.name, ...batch(type.batchField), fields };
    }
    case 'enum':
      if (defined.has(type.name)) return type.name;
      defined.add(type.name);
      return { type: 'enum', name: type.name, symbols: type.symbols };
    case 'fixed':
      if (defined.has(type.name)) return type.name;
      defined.add(type.name);
      return { type: 'fixed', name: type.name, size: type.size, ...logical(type.logical) };
    case 'array':
      return { type: 'array', items: avroJsonOf(type.items, defined) };
    case 'map':
      return { type: 'map', values: avroJsonOf(type.values, defined) };
    case 'union':
      return type.branches.map((branch) => avroJsonOf(branch, defined));
    default:
      return type.logical === undefined ? type.kind : { type: type.kind, ...logical(type.logical) };
  }
}

const batch = (field: string | undefined): object => (field === undefined ? {} : { 'mds.batch': field });

function logical(type: LogicalType | undefined): object {
  if (type === undefined) return {};
  if (type.name !== 'decimal') return { logicalType: type.name };
  return { logicalType: 'decimal', precision: type.precision, scale: type.scale };
}
