// The key of an event: the values of some of its fields together. Events of equal keys are conflated, or stay with one
// member of a consumer group. Paths are those of a projection: `host`, `labels.region`. Runs in browsers too.

import type { AvroRecord } from '../avro/avro-type.ts';
import { MdsError } from '../errors.ts';
import { checkedProjection } from './projection-paths.ts';

/**
 * @param fields the projection that the event goes through; null: all fields
 * @throws MdsError `MDS_PROJECTION_UNKNOWN_FIELD`, or `MDS_REQUEST_INVALID` when the projection leaves a key field out
 */
export function checkKey(paths: readonly string[], record: AvroRecord, fields: readonly string[] | null): void {
  checkedProjection(paths, record);
  if (fields === null) return;
  const missing = paths.filter((path) => !fields.some((field) => path === field || path.startsWith(`${field}.`)));
  if (missing.length === 0) return;
  throw new MdsError('MDS_REQUEST_INVALID', {
    problems: missing.map((path) => `the key needs ${path}, which is not among the fields`),
  });
}

/**
 * @param data an event as parsed JSON
 * @returns equal for events whose values at all paths are equal; a value that is not there counts as null
 */
export function keyOf(data: unknown, paths: readonly string[]): string {
  return JSON.stringify(paths.map((path) => valueAt(data, path) ?? null));
}

function valueAt(data: unknown, path: string): unknown {
  if (typeof data !== 'object' || data === null) return undefined;
  const members = data as Readonly<Record<string, unknown>>; // parsed JSON that is no primitive
  if (Object.hasOwn(members, path)) return members[path]; // also a map's key with dots in it
  const dot = path.indexOf('.');
  return dot < 0 ? undefined : valueAt(members[path.slice(0, dot)], path.slice(dot + 1));
}
