// What the other HTTP doors (query, ingest, edge) add to the control plane's OpenAPI document. It may not import them, and they
// need not run: `node docs/generate-api.ts` writes the file from their own routes, and `make check` keeps it up to date.

import { readFile } from 'node:fs/promises';
import type { DoorPart } from '../../platform/openapi/doors.ts';

/** From the root of the project. */
export const DOORS_FILE = 'control-plane/api/doors.json';

export const readDoors = async (): Promise<readonly DoorPart[]> =>
  JSON.parse(await readFile(new URL('doors.json', import.meta.url), 'utf8')); // generated
