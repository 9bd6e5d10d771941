// Which fields of a writer's record a projection takes, under which names, in the writer's order: for every writer of JSON.

import type { AvroField, AvroRecord } from '../avro/avro-type.ts';
import { firstParts } from './projection-paths.ts';

export interface ProjectedField {
  readonly field: AvroField;
  /** The name it is written under. */
  readonly name: string;
  /** Paths inside the field; null for all of it. */
  readonly rests: readonly string[] | null;
}

/**
 * @param paths projected paths; null for everything. A path that the writer does not have is left out.
 * @param aliases older names of projected top-level fields; such a field is written under its present name
 */
export function projectedFields(
  record: AvroRecord,
  paths: readonly string[] | null,
  aliases: ReadonlyMap<string, readonly string[]>,
): readonly ProjectedField[] {
  if (paths === null) return record.fields.map((field) => ({ field, name: field.name, rests: null }));
  const wanted = firstParts(paths);
  return record.fields.flatMap((field) => {
    const name = projectedName(field, record, wanted, aliases);
    const rests = name === undefined ? undefined : wanted.get(name);
    if (name === undefined || rests === undefined) return [];
    return [{ field, name, rests: rests.length === 0 ? null : rests }];
  });
}

/** The name under which `field` is wanted: its own, or that of a projected field which had this one's name before. */
function projectedName(
  field: AvroField,
  record: AvroRecord,
  wanted: ReadonlyMap<string, unknown>,
  aliases: ReadonlyMap<string, readonly string[]>,
): string | undefined {
  if (wanted.has(field.name)) return field.name;
  for (const [name, older] of aliases) {
    const isPresent = record.fields.some((other) => other.name === name);
    if (
      wanted.has(name) &&
      !isPresent &&
      older.find((alias) => record.fields.some((other) => other.name === alias)) === field.name
    )
      return name;
  }
  return undefined;
}
