// What every route of the REST API has in common.

import { problemResponses } from '../../platform/rest-app.ts';
import type { MdsErrorCode } from '../../schemas/errors.ts';

export type { App } from '../../platform/rest-app.ts';

/** Any route may answer these: a request that is not valid, nobody known, not allowed, too often, Postgres away, a bug. */
const ALWAYS: readonly MdsErrorCode[] = [
  'MDS_REQUEST_INVALID',
  'MDS_UNAUTHENTICATED',
  'MDS_FORBIDDEN',
  'MDS_ORIGIN_REFUSED',
  'MDS_RATE_LIMITED',
  'MDS_DEPENDENCY_UNAVAILABLE',
  'MDS_INTERNAL',
];

/** @param codes what a route may answer @returns response schemas that say so, by status */
export const problemsOf = (...codes: readonly MdsErrorCode[]): Record<string, unknown> =>
  problemResponses([...codes, ...ALWAYS]);
