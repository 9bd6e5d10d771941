// /v1/subscriptions: durable subscriptions, their settings, state and position.

import { Type } from 'typebox';
import { ANYBODY, FOUND, GRANT } from '../../../platform/http-door/access.ts';
import type { Authenticator } from '../../../platform/identity/authenticator.ts';
import { FILTER_CODES } from '../../../platform/rest-app.ts';
import { DEFAULT_PAGE_LIMIT, PageQuery } from '../../../schemas/api/paging.ts';
import {
  NewSubscription,
  SeekRequest,
  Subscription,
  SubscriptionChange,
  SubscriptionPage,
} from '../../../schemas/api/subscription.ts';
import { topicsFor } from '../../access/seen.ts';
import type { SubscriptionService } from '../../durable/subscription-service.ts';
import type { Queryable } from '../../store/queryable.ts';
import { listSubscriptions } from '../../store/subscriptions.ts';
import { type App, problemsOf } from '../app.ts';
import { answerCreated, IdempotencyHeaders } from '../created.ts';
import { decodePageToken, pageFrom } from '../page-token.ts';

const tags = ['subscriptions'];
const kind = 'subscription';
const id = { param: 'id' };
const SEEN = FOUND('subscribe or manage on its topic');
const CHANGED = FOUND('manage on its topic, or subscribe for whoever created it');
export const BySubscription = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 200, description: 'Id or name.' }),
});

export function subscriptionRoutes(
  app: App,
  db: Queryable,
  subscriptions: SubscriptionService,
  quotas: Pick<Authenticator, 'quotasOf'>,
): void {
  app.get(
    '/v1/subscriptions',
    {
      config: { access: ANYBODY('subscriptions of topics it may subscribe to or manage') },
      schema: {
        tags,
        summary: 'List durable subscriptions with who consumes them and how far they are, oldest first',
        querystring: PageQuery,
        response: { 200: SubscriptionPage, ...problemsOf('MDS_PAGE_TOKEN_INVALID') },
      },
    },
    async ({ identity, query: { limit = DEFAULT_PAGE_LIMIT, pageToken } }) => {
      const { tenant } = identity;
      const after = pageToken === undefined ? 0 : decodePageToken('subscriptions', tenant, pageToken);
      const seen = topicsFor(identity, ['subscribe', 'manage']);
      const rows = await listSubscriptions(db, tenant, seen, after, limit + 1);
      const page = pageFrom(
        tenant,
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
      config: {
        access: GRANT('subscribe', { body: 'topic' }),
        audit: { action: 'create', kind, id: { body: 'name' } },
      },
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
            ...FILTER_CODES,
            'MDS_PROJECTION_UNKNOWN_FIELD',
            'MDS_TOKEN_CORRUPT',
            'MDS_TOKEN_WRONG_TOPIC',
            'MDS_ALREADY_EXISTS',
            'MDS_QUOTA_EXCEEDED',
            'MDS_IDEMPOTENCY_MISMATCH',
            'MDS_TIMEOUT',
          ),
        },
      },
    },
    (request, reply) => {
      const { identity, body, change } = request;
      const quota = quotas.quotasOf(identity.tenant).subscriptions;
      return answerCreated(db, request, reply, () => subscriptions.create(identity, body, quota, change));
    },
  );

  app.get(
    '/v1/subscriptions/:id',
    {
      config: { access: SEEN },
      schema: {
        tags,
        summary: 'Read a durable subscription, who consumes it and how far it is',
        params: BySubscription,
        response: { 200: Subscription, ...problemsOf('MDS_SUBSCRIPTION_UNKNOWN') },
      },
    },
    ({ identity, params: { id } }) => subscriptions.read(identity, id),
  );

  app.patch(
    '/v1/subscriptions/:id',
    {
      config: { access: CHANGED, audit: { action: 'change', kind, id } },
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
    ({ identity, change, params: { id }, body }) => subscriptions.change(identity, id, body, change),
  );

  app.delete(
    '/v1/subscriptions/:id',
    {
      config: { access: CHANGED, audit: { action: 'delete', kind, id } },
      schema: {
        tags,
        summary: 'Delete a durable subscription and its position',
        params: BySubscription,
        response: { 204: Type.Null({ description: 'It is gone.' }), ...problemsOf('MDS_SUBSCRIPTION_UNKNOWN') },
      },
    },
    async ({ identity, change, params: { id } }, reply) => {
      await subscriptions.delete(identity, id, change);
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
        config: { access: CHANGED, audit: { action, kind, id } },
        schema: {
          tags,
          summary,
          params: BySubscription,
          response: { 200: Subscription, ...problemsOf('MDS_SUBSCRIPTION_UNKNOWN') },
        },
      },
      ({ identity, change, params: { id } }) => subscriptions.setState(identity, id, state, change),
    );
  }

  app.post(
    '/v1/subscriptions/:id/seek',
    {
      config: { access: CHANGED, audit: { action: 'seek', kind, id } },
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
    ({ identity, change, params: { id }, body }) => subscriptions.seek(identity, id, body.to, change),
  );
}
