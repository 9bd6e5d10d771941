// Answering a request that creates something: 201, and the same answer again for the same Idempotency-Key.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Queryable } from '../store/queryable.ts';
import { answerOnce } from './idempotency.ts';

export const IdempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description:
        'Chosen by the caller, new for each thing to be created. The same key gives the same answer for 24 h.',
    }),
  ),
});

const CREATED = 201;

interface CreatingRequest extends Pick<FastifyRequest, 'identity' | 'change'> {
  readonly headers: Static<typeof IdempotencyHeaders>;
  readonly body: unknown;
  readonly routeOptions: { readonly url?: string | undefined };
}

/** @param create makes the thing that is shown in the answer */
export async function answerCreated<Created>(
  db: Queryable,
  request: CreatingRequest,
  reply: Pick<FastifyReply, 'code' | 'header'>,
  create: () => Promise<Created>,
): Promise<Created> {
  const key = request.headers['idempotency-key'];
  if (key === undefined) {
    const created = await create();
    reply.code(CREATED);
    return created;
  }
  const { tenant, subject } = request.identity;
  const keyed = { tenant, subject, key, route: request.routeOptions.url ?? '', body: request.body };
  const answer = await answerOnce(db, keyed, async () => ({
    status: CREATED,
    response: JSON.stringify(await create()),
  }));
  if (answer.replayed) {
    request.change.nothing();
    reply.header('idempotency-replayed', 'true');
  }
  reply.code(answer.status);
  return JSON.parse(answer.response);
}
