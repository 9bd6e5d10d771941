// The field paths of a projection: checked against the topic's schema, and as a tree for the writer of JSON.

import type { AvroRecord, AvroType } from '../avro/avro-type.ts';
import { nullableBranch } from '../avro/avro-type.ts';
import { MdsError } from '../errors.ts';
import { nearestName } from '../nearest-name.ts';
import { MAX_PROJECTED_FIELDS } from './limits.ts';

/**
 * Sorted paths without duplicates or paths that another one covers; null when `paths` is empty.
 *
 * A path goes through records by field and through lists into their items; in a map, all the rest is one key.
 *
 * @throws MdsError `MDS_PROJECTION_UNKNOWN_FIELD`, or `MDS_REQUEST_INVALID` when there are too many
 */
export function checkedProjection(paths: readonly string[], record: AvroRecord): readonly string[] | null {
  if (paths.length === 0) return null;
  if (paths.length > MAX_PROJECTED_FIELDS) {
    throw new MdsError('MDS_REQUEST_INVALID', {
      problems: [`a projection of ${paths.length} fields; the limit is ${MAX_PROJECTED_FIELDS}`],
    });
  }
  for (const path of paths) checkPath(path, record);
  const all = new Set(paths);
  const isCovered = (path: string): boolean => {
    for (let dot = path.indexOf('.'); dot >= 0; dot = path.indexOf('.', dot + 1)) {
      if (all.has(path.slice(0, dot))) return true;
    }
    return false;
  };
  return [...all].filter((path) => !isCovered(path)).sort();
}

function checkPath(path: string, record: AvroRecord): void {
  let type: AvroType = record;
  for (const part of path.split('.')) {
    type = throughLists(type);
    if (type.kind === 'map' && part !== '') return;
    const field = type.kind === 'record' ? type.fields.find(({ name }) => name === part) : undefined;
    if (field === undefined) throw unknownField(path, part, type);
    type = field.type;
  }
}

function unknownField(path: string, part: string, type: AvroType): MdsError {
  const names = type.kind === 'record' ? type.fields.map(({ name }) => name) : [];
  const didYouMean = nearestName(part, names);
  const hint = didYouMean === undefined ? '' : ` (did you mean ${didYouMean}?)`;
  return new MdsError('MDS_PROJECTION_UNKNOWN_FIELD', { field: path, didYouMean, hint });
}

/** What a path goes on in: the items of a list, the other branch of a nullable. */
export function throughLists(type: AvroType): AvroType {
  if (type.kind === 'array') return throughLists(type.items);
  const branch = nullableBranch(type);
  return branch === undefined ? type : throughLists(branch);
}

/** Groups paths by their first part; an empty list of rests means the whole field. */
export function firstParts(paths: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const path of paths) {
    const dot = path.indexOf('.');
    const first = dot < 0 ? path : path.slice(0, dot);
    const group = groups.get(first) ?? [];
    groups.set(first, group);
    if (dot >= 0) group.push(path.slice(dot + 1));
  }
  return groups;
}
