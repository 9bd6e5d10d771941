// /v1/subscriptions: records of durable subscriptions.

import { randomUUID } from 'node:crypto';
import { Type } from 'typebox';
import { DEFAULT_PAGE_LIMIT, PageQuery } from '../../../schemas/api/paging.ts';
import { NewSubscription, Subscription, SubscriptionPage } from '../../../schemas/api/subscription.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { makePlan } from '../../../schemas/plan/plan.ts';
import type { Queryable } from '../../store/queryable.ts';
import {
  deleteSubscription,
  findSubscription,
  insertSubscription,
  listSubscriptions,
  type SubscriptionRow,
} from '../../store/subscriptions.ts';
import { DEFAULT_TENANT } from '../../topics/topic-names.ts';
import type { TopicService } from '../../topics/topic-service.ts';
import { type App, problemsOf } from '../app.ts';
import { answerCreated, IdempotencyHeaders } from '../created.ts';
import { decodePageToken, pageFrom } from '../page-token.ts';

const tags = ['subscriptions'];
const ById = Type.Object({ id: Type.String({ minLength: 1, maxLength: 128 }) });

export function subscriptionRoutes(app: App, db: Queryable, topics: TopicService): void {
  app.get(
    '/v1/subscriptions',
    {
      schema: {
        tags,
        summary: 'List durable subscriptions, oldest first',
        querystring: PageQuery,
        response: { 200: SubscriptionPage, ...problemsOf('MDS_PAGE_TOKEN_INVALID') },
      },
    },
    async ({ query: { limit = DEFAULT_PAGE_LIMIT, pageToken } }) => {
      const after = pageToken === undefined ? 0 : decodePageToken('subscriptions', pageToken);
      const rows = await listSubscriptions(db, DEFAULT_TENANT, after, limit + 1);
      return pageFrom(rows, limit, shown, ({ sequence }) => ({ list: 'subscriptions', after: sequence }));
    },
  );

  app.post(
    '/v1/subscriptions',
    {
      schema: {
        tags,
        summary: 'Create a durable subscription',
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
            'MDS_ALREADY_EXISTS',
            'MDS_IDEMPOTENCY_MISMATCH',
            'MDS_TIMEOUT',
          ),
        },
      },
    },
    (request, reply) =>
      answerCreated(db, request, reply, async () => shown(await create(db, topics, DEFAULT_TENANT, request.body))),
  );

  app.get(
    '/v1/subscriptions/:id',
    {
      schema: {
        tags,
        summary: 'Read a durable subscription',
        params: ById,
        response: { 200: Subscription, ...problemsOf('MDS_SUBSCRIPTION_UNKNOWN') },
      },
    },
    async ({ params: { id } }) => shown(await find(db, id)),
  );

  app.delete(
    '/v1/subscriptions/:id',
    {
      schema: {
        tags,
        summary: 'Delete a durable subscription',
        params: ById,
        response: { 204: Type.Null({ description: 'It is gone.' }), ...problemsOf('MDS_SUBSCRIPTION_UNKNOWN') },
      },
    },
    async ({ params: { id } }, reply) => {
      if (!(await deleteSubscription(db, DEFAULT_TENANT, id))) throw new MdsError('MDS_SUBSCRIPTION_UNKNOWN', { id });
      return reply.code(204).send(null);
    },
  );
}

async function create(
  db: Queryable,
  topics: TopicService,
  tenant: string,
  wish: NewSubscription,
): Promise<SubscriptionRow> {
  const topic = await topics.find(tenant, wish.topic);
  makePlan({ filter: wish.filter, fields: wish.fields }, parseAvroSchema(topic.schemaJson)); // refuses what cannot work
  const subscriptionId = `sub-${randomUUID()}`;
  const inserted = await insertSubscription(db, {
    subscriptionId,
    tenant,
    name: wish.name,
    topicId: topic.topicId,
    filter: wish.filter ?? '',
    fields: wish.fields ?? null,
    overflow: wish.overflow ?? 'resume',
  });
  if (!inserted) throw new MdsError('MDS_ALREADY_EXISTS', { what: 'subscription', id: wish.name });
  return find(db, subscriptionId);
}

async function find(db: Queryable, id: string): Promise<SubscriptionRow> {
  const row = await findSubscription(db, DEFAULT_TENANT, id);
  if (row === null) throw new MdsError('MDS_SUBSCRIPTION_UNKNOWN', { id });
  return row;
}

function shown({ subscriptionId, name, topic, filter, fields, overflow, createdAt }: SubscriptionRow): Subscription {
  return {
    id: subscriptionId,
    name,
    topic,
    filter,
    fields: fields === null ? null : [...fields],
    overflow,
    createdAt: createdAt.toISOString(),
  };
}
