// /v1/subscriptions: durable subscriptions, their settings, state and position.

import { Type } from 'typebox';
import { DEFAULT_PAGE_LIMIT, PageQuery } from '../../../schemas/api/paging.ts';
import {
  NewSubscription,
  SeekRequest,
  Subscription,
  SubscriptionChange,
  SubscriptionPage,
} from '../../../schemas/api/subscription.ts';
import type { SubscriptionService } from '../../durable/subscription-service.ts';
import type { Queryable } from '../../store/queryable.ts';
import { listSubscriptions } from '../../store/subscriptions.ts';
import { DEFAULT_TENANT } from '../../topics/topic-names.ts';
import { type App, problemsOf } from '../app.ts';
import { answerCreated, IdempotencyHeaders } from '../created.ts';
import { decodePageToken, pageFrom } from '../page-token.ts';

const tags = ['subscriptions'];
export const BySubscription = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 200, description: 'Id or name.' }),
});

export function subscriptionRoutes(app: App, db: Queryable, subscriptions: SubscriptionService): void {
  app.get(
    '/v1/subscriptions',
    {
      schema: {
        tags,
        summary: 'List durable subscriptions with who consumes them and how far they are, oldest first',
        querystring: PageQuery,
        response: { 200: SubscriptionPage, ...problemsOf('MDS_PAGE_TOKEN_INVALID') },
      },
    },
    async ({ query: { limit = DEFAULT_PAGE_LIMIT, pageToken } }) => {
      const after = pageToken === undefined ? 0 : decodePageToken('subscriptions', pageToken);
      const rows = await listSubscriptions(db, DEFAULT_TENANT, after, limit + 1);
      const page = pageFrom(
        rows,
        limit,
        (row) => row,
        ({ sequence }) => ({ list: 'subscriptions', after: sequence }),
      );
      return { ...page, items: await subscriptions.shown(page.items) };
    },
  );

  app.post(
    '/v1/subscriptions',
    {
      schema: {
        tags,
        summary: 'Create a durable subscription',
        description:
          'It begins where `start` says, when it is created and not when it is first consumed. Consume it over WebSocket with `consume`.',
        headers: IdempotencyHeaders,
        body: NewSubscription,
        response: {
          201: Subscription,
          ...problemsOf(
            'MDS_TOPIC_UNKNOWN',
            'MDS_FILTER_SYNTAX',
            'MDS_FILTER_UNKNOWN_FIELD',
            'MDS_FILTER_TYPE',
            'MDS_FILTER_NOT_BOOLEAN',
            'MDS_FILTER_TOO_LONG',
            'MDS_FILTER_TOO_DEEP',
            'MDS_FILTER_TOO_COSTLY',
            'MDS_FILTER_UNSUPPORTED',
            'MDS_FILTER_BAD_REGEX',
            'MDS_PROJECTION_UNKNOWN_FIELD',
            'MDS_TOKEN_CORRUPT',
            'MDS_TOKEN_WRONG_TOPIC',
            'MDS_ALREADY_EXISTS',
            'MDS_IDEMPOTENCY_MISMATCH',
            'MDS_TIMEOUT',
          ),
        },
      },
    },
    (request, reply) => answerCreated(db, request, reply, () => subscriptions.create(DEFAULT_TENANT, request.body)),
  );

  app.get(
    '/v1/subscriptions/:id',
    {
      schema: {
        tags,
        summary: 'Read a durable subscription, who consumes it and how far it is',
        params: BySubscription,
        response: { 200: Subscription, ...problemsOf('MDS_SUBSCRIPTION_UNKNOWN') },
      },
    },
    ({ params: { id } }) => subscriptions.read(DEFAULT_TENANT, id),
  );

  app.patch(
    '/v1/subscriptions/:id',
    {
      schema: {
        tags,
        summary: 'Change how a durable subscription delivers',
        description:
          'Takes effect at once, without interrupting its consumers. Topic, filter, fields and group are what its position means, so they stay; create another subscription for others.',
        params: BySubscription,
        body: SubscriptionChange,
        response: { 200: Subscription, ...problemsOf('MDS_SUBSCRIPTION_UNKNOWN') },
      },
    },
    ({ params: { id }, body }) => subscriptions.change(DEFAULT_TENANT, id, body),
  );

  app.delete(
    '/v1/subscriptions/:id',
    {
      schema: {
        tags,
        summary: 'Delete a durable subscription and its position',
        params: BySubscription,
        response: { 204: Type.Null({ description: 'It is gone.' }), ...problemsOf('MDS_SUBSCRIPTION_UNKNOWN') },
      },
    },
    async ({ params: { id } }, reply) => {
      await subscriptions.delete(DEFAULT_TENANT, id);
      return reply.code(204).send(null);
    },
  );
  controlRoutes(app, subscriptions);
}

function controlRoutes(app: App, subscriptions: SubscriptionService): void {
  const states = [
    { action: 'pause', state: 'paused', summary: 'Pause: consumers stay connected and get nothing more' },
    { action: 'resume', state: 'active', summary: 'Resume: delivery goes on where it was' },
  ] as const;
  for (const { action, state, summary } of states) {
    app.post(
      `/v1/subscriptions/:id/${action}`,
      {
        schema: {
          tags,
          summary,
          params: BySubscription,
          response: { 200: Subscription, ...problemsOf('MDS_SUBSCRIPTION_UNKNOWN') },
        },
      },
      ({ params: { id } }) => subscriptions.setState(DEFAULT_TENANT, id, state),
    );
  }

  app.post(
    '/v1/subscriptions/:id/seek',
    {
      schema: {
        tags,
        summary: 'Put a durable subscription to another position, backwards or forwards',
        description:
          'What is in flight is dropped, and acknowledgements for it no longer count. Events behind the new position come (again), with no attempts made.',
        params: BySubscription,
        body: SeekRequest,
        response: {
          200: Subscription,
          ...problemsOf('MDS_SUBSCRIPTION_UNKNOWN', 'MDS_TOKEN_CORRUPT', 'MDS_TOKEN_WRONG_TOPIC', 'MDS_TIMEOUT'),
        },
      },
    },
    ({ params: { id }, body }) => subscriptions.seek(DEFAULT_TENANT, id, body.to),
  );
}
