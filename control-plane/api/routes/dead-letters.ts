// /v1/dead-letters: what could not be delivered, to look at, to redrive and to purge.

import { Type } from 'typebox';
import { ANYBODY, FOUND } from '../../../platform/http-door/access.ts';
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
import { isContentSeen } from '../../dead-letters/letter-views.ts';
import type { DeadLetterRow } from '../../store/dead-letters.ts';
import type { Queryable } from '../../store/queryable.ts';
import { type App, problemsOf } from '../app.ts';
import { answerCreated, IdempotencyHeaders } from '../created.ts';
import { decodePageToken, pageFrom } from '../page-token.ts';

const tags = ['dead letters'];
const ById = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200 }) });
const kind = 'dead letter';
const MANAGED = FOUND("manage on the letter's topic");
const ALL_MANAGED = FOUND('manage on the topic or the subscription of the filter; without one, role admin');
const NOT_PURGED = ['dead', 'redriving', 'redriven'] as const;

export function deadLetterRoutes(app: App, db: Queryable, letters: DeadLetterService): void {
  app.get(
    '/v1/dead-letters',
    {
      config: {
        access: ANYBODY('letters of topics it may subscribe to or manage, as far as its mandatory filter goes'),
      },
      schema: {
        tags,
        summary: 'List dead letters, newest first',
        querystring: DeadLetterQuery,
        response: { 200: DeadLetterPage, ...problemsOf('MDS_PAGE_TOKEN_INVALID') },
      },
    },
    async ({ identity, query: { limit = DEFAULT_PAGE_LIMIT, pageToken, state, ...filter } }) => {
      const { tenant } = identity;
      const before =
        pageToken === undefined ? Number.MAX_SAFE_INTEGER : decodePageToken('dead-letters', tenant, pageToken);
      const search = { ...filter, states: state === undefined ? NOT_PURGED : [state] };
      const rows = await letters.list(identity, search, before, limit + 1);
      const shown = (row: DeadLetterRow) => shownLetter(row, isContentSeen(identity, row.topic));
      return pageFrom(tenant, rows, limit, shown, ({ sequence }) => ({ list: 'dead-letters', after: sequence }));
    },
  );

  app.get(
    '/v1/dead-letters/:id',
    {
      config: {
        access: FOUND(
          "subscribe or manage on the letter's topic; its event only with subscribe, and through the mandatory filter",
        ),
      },
      schema: {
        tags,
        summary: 'Inspect a dead letter: its bytes, and decoded with the schema they were written with',
        params: ById,
        response: { 200: InspectedDeadLetter, ...problemsOf('MDS_NOT_FOUND', 'MDS_TIMEOUT') },
      },
    },
    ({ identity, params: { id } }) => letters.inspect(identity, id),
  );

  app.delete(
    '/v1/dead-letters/:id',
    {
      config: { access: MANAGED, audit: { action: 'purge', kind, id: { param: 'id' } } },
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
    async ({ identity, change, params: { id } }, reply) => {
      await letters.purge(identity, id, change);
      return reply.code(204).send(null);
    },
  );

  app.post(
    '/v1/dead-letters/purge',
    {
      config: { access: ALL_MANAGED, audit: { action: 'purge many', kind } },
      schema: {
        tags,
        summary: 'Purge all dead letters of a filter',
        description: 'Those that are being redriven stay.',
        body: PurgeRequest,
        response: { 200: Purged, ...problemsOf() },
      },
    },
    async ({ identity, change, body }) => ({ purged: await letters.purgeMany(identity, body, change) }),
  );
  redriveRoutes(app, db, letters);
}

function redriveRoutes(app: App, db: Queryable, letters: DeadLetterService): void {
  app.post(
    '/v1/dead-letters/:id/redrive',
    {
      config: { access: MANAGED, audit: { action: 'redrive', kind, id: { param: 'id' } } },
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
    async ({ identity, change, params: { id } }) => {
      const letter = await letters.redrive(identity, id);
      change.after = { state: letter.state, redrives: letter.redrives, topic: letter.topic };
      return letter;
    },
  );

  app.post(
    '/v1/dead-letters/redrive',
    {
      config: { access: ALL_MANAGED, audit: { action: 'redrive many', kind } },
      schema: {
        tags,
        summary: 'Redrive all dead letters of a filter, at a bounded rate, in the background',
        description: 'Those that become dead letters after this are left alone.',
        headers: IdempotencyHeaders,
        body: NewRedrive,
        response: { 201: Redrive, ...problemsOf('MDS_IDEMPOTENCY_MISMATCH', 'MDS_TIMEOUT') },
      },
    },
    (request, reply) =>
      answerCreated(db, request, reply, () => letters.redriveMany(request.identity, request.body, request.change)),
  );

  app.get(
    '/v1/dead-letters/redrives/:id',
    {
      config: { access: FOUND('subscribe or manage on the topic of the redrive; without one, role admin') },
      schema: {
        tags,
        summary: 'How far a redrive is',
        params: ById,
        response: { 200: Redrive, ...problemsOf('MDS_NOT_FOUND') },
      },
    },
    ({ identity, params: { id } }) => letters.readRedrive(identity, id),
  );

  app.post(
    '/v1/dead-letters/redrives/:id/cancel',
    {
      config: {
        access: FOUND('manage on the topic of the redrive; without one, role admin'),
        audit: { action: 'cancel', kind: 'redrive', id: { param: 'id' } },
      },
      schema: {
        tags,
        summary: 'Cancel a redrive; what it has done stays done',
        params: ById,
        response: { 200: Redrive, ...problemsOf('MDS_NOT_FOUND') },
      },
    },
    ({ identity, change, params: { id } }) => letters.cancelRedrive(identity, id, change),
  );
}
