// /v1/dead-letters: what could not be delivered, to look at, to redrive and to purge.

import { Type } from 'typebox';
import {
  DeadLetter,
  DeadLetterPage,
  DeadLetterQuery,
  InspectedDeadLetter,
  NewRedrive,
  Purged,
  PurgeRequest,
  Redrive,
} from '../../../schemas/api/dead-letter.ts';
import { DEFAULT_PAGE_LIMIT } from '../../../schemas/api/paging.ts';
import { type DeadLetterService, shownLetter } from '../../dead-letters/dead-letter-service.ts';
import type { Queryable } from '../../store/queryable.ts';
import { DEFAULT_TENANT } from '../../topics/topic-names.ts';
import { type App, problemsOf } from '../app.ts';
import { answerCreated, IdempotencyHeaders } from '../created.ts';
import { decodePageToken, pageFrom } from '../page-token.ts';

const tags = ['dead letters'];
const ById = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200 }) });
const NOT_PURGED = ['dead', 'redriving', 'redriven'] as const;

export function deadLetterRoutes(app: App, db: Queryable, letters: DeadLetterService): void {
  app.get(
    '/v1/dead-letters',
    {
      schema: {
        tags,
        summary: 'List dead letters, newest first',
        querystring: DeadLetterQuery,
        response: { 200: DeadLetterPage, ...problemsOf('MDS_PAGE_TOKEN_INVALID') },
      },
    },
    async ({ query: { limit = DEFAULT_PAGE_LIMIT, pageToken, state, ...filter } }) => {
      const before = pageToken === undefined ? Number.MAX_SAFE_INTEGER : decodePageToken('dead-letters', pageToken);
      const search = { ...filter, states: state === undefined ? NOT_PURGED : [state] };
      const rows = await letters.list(DEFAULT_TENANT, search, before, limit + 1);
      return pageFrom(rows, limit, shownLetter, ({ sequence }) => ({ list: 'dead-letters', after: sequence }));
    },
  );

  app.get(
    '/v1/dead-letters/:id',
    {
      schema: {
        tags,
        summary: 'Inspect a dead letter: its bytes, and decoded with the schema they were written with',
        params: ById,
        response: { 200: InspectedDeadLetter, ...problemsOf('MDS_NOT_FOUND', 'MDS_TIMEOUT') },
      },
    },
    ({ params: { id } }) => letters.inspect(DEFAULT_TENANT, id),
  );

  app.delete(
    '/v1/dead-letters/:id',
    {
      schema: {
        tags,
        summary: 'Purge a dead letter: it is dealt with',
        params: ById,
        response: {
          204: Type.Null({ description: 'It is purged.' }),
          ...problemsOf('MDS_NOT_FOUND', 'MDS_DEAD_LETTER_REDRIVING'),
        },
      },
    },
    async ({ params: { id } }, reply) => {
      await letters.purge(DEFAULT_TENANT, id);
      return reply.code(204).send(null);
    },
  );

  app.post(
    '/v1/dead-letters/purge',
    {
      schema: {
        tags,
        summary: 'Purge all dead letters of a filter',
        description: 'Those that are being redriven stay.',
        body: PurgeRequest,
        response: { 200: Purged, ...problemsOf() },
      },
    },
    async ({ body }) => ({ purged: await letters.purgeMany(DEFAULT_TENANT, body) }),
  );
  redriveRoutes(app, db, letters);
}

function redriveRoutes(app: App, db: Queryable, letters: DeadLetterService): void {
  app.post(
    '/v1/dead-letters/:id/redrive',
    {
      schema: {
        tags,
        summary: 'Deliver a dead letter again',
        description:
          'To the durable subscription that gave it up, outside its order; a record that nobody could get is produced to its topic again. Does nothing with one that is being redriven or was.',
        params: ById,
        response: {
          200: DeadLetter,
          ...problemsOf(
            'MDS_NOT_FOUND',
            'MDS_SUBSCRIPTION_UNKNOWN',
            'MDS_DEAD_LETTER_PURGED',
            'MDS_RECORD_GONE',
            'MDS_TIMEOUT',
          ),
        },
      },
    },
    ({ params: { id } }) => letters.redrive(DEFAULT_TENANT, id),
  );

  app.post(
    '/v1/dead-letters/redrive',
    {
      schema: {
        tags,
        summary: 'Redrive all dead letters of a filter, at a bounded rate, in the background',
        description: 'Those that become dead letters after this are left alone.',
        headers: IdempotencyHeaders,
        body: NewRedrive,
        response: { 201: Redrive, ...problemsOf('MDS_IDEMPOTENCY_MISMATCH', 'MDS_TIMEOUT') },
      },
    },
    (request, reply) => answerCreated(db, request, reply, () => letters.redriveMany(DEFAULT_TENANT, request.body)),
  );

  app.get(
    '/v1/dead-letters/redrives/:id',
    {
      schema: {
        tags,
        summary: 'How far a redrive is',
        params: ById,
        response: { 200: Redrive, ...problemsOf('MDS_NOT_FOUND') },
      },
    },
    ({ params: { id } }) => letters.readRedrive(DEFAULT_TENANT, id),
  );

  app.post(
    '/v1/dead-letters/redrives/:id/cancel',
    {
      schema: {
        tags,
        summary: 'Cancel a redrive; what it has done stays done',
        params: ById,
        response: { 200: Redrive, ...problemsOf('MDS_NOT_FOUND') },
      },
    },
    ({ params: { id } }) => letters.cancelRedrive(DEFAULT_TENANT, id),
  );
}
