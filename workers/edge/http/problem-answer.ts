// Errors before a stream begins, as RFC 9457 problem details.

import { problemOf } from '../../../platform/problem-details.ts';
import type { MdsError } from '../../../schemas/errors.ts';
import type { Exchange, HttpRequest } from './exchange.ts';
import { retryLine, streamMessage } from './stream-message.ts';

/** After which time a client that met a passing problem may try again. */
const RETRY_AFTER_SECONDS = 1;
export const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  // Compression and buffering by proxies would hold messages back.
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
};

export function answerProblem(
  exchange: Exchange,
  error: MdsError,
  headers: Readonly<Record<string, string>> = {},
): void {
  const problem = problemOf(error);
  if (problem.retryable && isEventSource(exchange.request)) {
    exchange.answer(200, STREAM_HEADERS, briefStream(error));
    return;
  }
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

/**
 * A browser's EventSource never comes back from any status but 200 (WHATWG HTML §9.2.2): what passes by itself must not be
 * told by a status. It sends exactly this header; programs that want the status name no media type, or another one too.
 */
const isEventSource = ({ method, accept }: HttpRequest): boolean => method === 'GET' && accept === 'text/event-stream';

/** Its readers, of whom there may be thousands, come back between one and two times the usual wait. */
function briefStream({ code, message, retryable, details }: MdsError): string {
  const retryMs = Math.round(RETRY_AFTER_SECONDS * 1000 * (1 + Math.random()));
  return `${retryLine(retryMs)}${streamMessage('error', { code, message, retryable, details })}`;
}
