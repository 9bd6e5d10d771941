// The Fastify instance of the REST API, typed by TypeBox, and what every route has in common.

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import { PROBLEM_CONTENT_TYPE } from '../../schemas/api/problem.ts';
import { ERROR_KINDS, type MdsErrorCode } from '../../schemas/errors.ts';

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

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
export function problemsOf(...codes: readonly MdsErrorCode[]): Record<string, unknown> {
  const byStatus = new Map<number, MdsErrorCode[]>();
  for (const code of new Set([...codes, ...ALWAYS])) {
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
