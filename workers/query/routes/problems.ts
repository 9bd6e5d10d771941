// What routes of this process may answer besides what they are for.

import { problemResponses } from '../../../platform/rest-app.ts';
import type { MdsErrorCode } from '../../../schemas/errors.ts';

/** Any route: a request that is not valid, nobody known, not allowed, no such topic, something away, a bug. */
const ALWAYS: readonly MdsErrorCode[] = [
  'MDS_REQUEST_INVALID',
  'MDS_UNAUTHENTICATED',
  'MDS_FORBIDDEN',
  'MDS_RATE_LIMITED',
  'MDS_ORIGIN_REFUSED',
  'MDS_TOPIC_UNKNOWN',
  'MDS_DEPENDENCY_UNAVAILABLE',
  'MDS_INTERNAL',
];

export const problemsOf = (...codes: readonly MdsErrorCode[]): Record<string, unknown> =>
  problemResponses([...codes, ...ALWAYS]);
