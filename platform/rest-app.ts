// The Fastify instance of a REST API, typed by TypeBox, and what the routes of every one have in common.

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import { PROBLEM_CONTENT_TYPE } from '../schemas/api/problem.ts';
import { ERROR_KINDS, type MdsErrorCode } from '../schemas/errors.ts';
import type { Metrics } from './metrics.ts';

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** @param codes what a route may answer @returns response schemas that say so, by status */
export function problemResponses(codes: readonly MdsErrorCode[]): Record<string, unknown> {
  const byStatus = new Map<number, MdsErrorCode[]>();
  for (const code of new Set(codes)) {
    const { status } = ERROR_KINDS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, listed]) => [
      status,
      { description: listed.join(', '), content: { [PROBLEM_CONTENT_TYPE]: { schema: { $ref: 'Problem#' } } } },
    ]),
  );
}

/** What any filter may be answered with. */
export const FILTER_CODES: readonly MdsErrorCode[] = [
  'MDS_FILTER_SYNTAX',
  'MDS_FILTER_UNKNOWN_FIELD',
  'MDS_FILTER_TYPE',
  'MDS_FILTER_NOT_BOOLEAN',
  'MDS_FILTER_TOO_LONG',
  'MDS_FILTER_TOO_DEEP',
  'MDS_FILTER_TOO_COSTLY',
  'MDS_FILTER_UNSUPPORTED',
  'MDS_FILTER_BAD_REGEX',
];

export function measureRequests(app: App, metrics: Metrics, bucketsSeconds: number[]): void {
  const labels = ['method', 'route', 'status'];
  const seconds = metrics.histogram('http_request_seconds', 'Time to answer a request', bucketsSeconds, labels);
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    seconds.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
  });
}
