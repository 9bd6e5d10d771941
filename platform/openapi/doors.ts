// Several HTTP doors in one OpenAPI document: each operation says at which process it is answered.

import type { ApiDocument, ApiOperation, ApiPath } from './complete-document.ts';

/** The part of a door's document that goes into the common one. */
export interface DoorPart {
  /** `query`, `ingest`, `edge`: also `x-door` of its operations. */
  readonly door: string;
  /** Where it is on the local stack; elsewhere it is where it was put. */
  readonly server: { readonly url: string; readonly description: string };
  readonly tags: NonNullable<ApiDocument['tags']>;
  readonly paths: ApiDocument['paths'];
}

/** @throws Error when two doors answer the same operation: a reader could not tell which is meant */
export function withDoors(own: ApiDocument, doors: readonly DoorPart[]): ApiDocument {
  const paths: Record<string, ApiPath> = { ...own.paths };
  for (const { door, server, paths: more } of doors) {
    for (const [path, operations] of Object.entries(more)) {
      const known = paths[path] ?? {};
      for (const method of Object.keys(operations)) {
        if (method in known) throw new Error(`${door} is not the only one that answers ${method} ${path}`);
      }
      const placed = Object.entries(operations).map(([method, operation]): [string, ApiOperation] => [
        method,
        { ...operation, 'x-door': door, servers: [server] },
      ]);
      paths[path] = { ...known, ...Object.fromEntries(placed) };
    }
  }
  return { ...own, paths, tags: [...(own.tags ?? []), ...doors.flatMap(({ tags }) => tags)] };
}
