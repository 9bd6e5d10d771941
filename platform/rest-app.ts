// The Fastify instance of a REST API beside the control plane's, typed by TypeBox, and what its routes have in common.

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
