// Errors before a stream begins, as RFC 9457 problem details.

import { problemOf } from '../../../platform/problem-details.ts';
import type { MdsError } from '../../../schemas/errors.ts';
import type { Exchange } from './exchange.ts';

/** After which time a client that met a passing problem may try again. */
const RETRY_AFTER_SECONDS = 1;

export function answerProblem(
  exchange: Exchange,
  error: MdsError,
  headers: Readonly<Record<string, string>> = {},
): void {
  const problem = problemOf(error);
  exchange.answer(
    problem.status,
    {
      'content-type': 'application/problem+json; charset=utf-8',
      'cache-control': 'no-store',
      ...(problem.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
      ...(problem.retryable ? { 'retry-after': String(RETRY_AFTER_SECONDS) } : {}),
      ...headers,
    },
    JSON.stringify(problem),
  );
}
