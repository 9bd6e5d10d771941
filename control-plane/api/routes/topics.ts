// /v1/topics

import { Type } from 'typebox';
import { ANYBODY, FOUND, GRANT } from '../../../platform/http-door/access.ts';
import type { Authenticator } from '../../../platform/identity/authenticator.ts';
import { DEFAULT_PAGE_LIMIT, PageQuery } from '../../../schemas/api/paging.ts';
import { NewTopic, Topic, TopicName, TopicPage } from '../../../schemas/api/topic.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { ACTIONS } from '../../../schemas/identity/identity.ts';
import { maySeeTopic } from '../../access/reading.ts';
import { topicsFor } from '../../access/seen.ts';
import type { Queryable } from '../../store/queryable.ts';
import { listTopics, type ReadyTopic } from '../../store/topics.ts';
import { eventSubjectOf } from '../../topics/topic-names.ts';
import type { TopicService } from '../../topics/topic-service.ts';
import { type App, problemsOf } from '../app.ts';
import { answerCreated, IdempotencyHeaders } from '../created.ts';
import { decodePageToken, pageFrom } from '../page-token.ts';

const tags = ['topics'];
const kind = 'topic';
const ByName = Type.Object({ name: TopicName });

export function topicRoutes(
  app: App,
  db: Queryable,
  topics: TopicService,
  quotas: Pick<Authenticator, 'quotasOf'>,
): void {
  app.get(
    '/v1/topics',
    {
      config: { access: ANYBODY('topics that some grant of it is for') },
      schema: {
        tags,
        summary: 'List topics in order of their names',
        querystring: PageQuery,
        response: { 200: TopicPage, ...problemsOf('MDS_PAGE_TOKEN_INVALID') },
      },
    },
    async ({ identity, query: { limit = DEFAULT_PAGE_LIMIT, pageToken } }) => {
      const { tenant } = identity;
      const after = pageToken === undefined ? '' : decodePageToken('topics', tenant, pageToken);
      const rows = await listTopics(db, tenant, topicsFor(identity, ACTIONS), after, limit + 1);
      return pageFrom(tenant, rows, limit, shown, ({ name }) => ({ list: 'topics', after: name }));
    },
  );

  app.post(
    '/v1/topics',
    {
      config: { access: GRANT('manage', { body: 'name' }), audit: { action: 'create', kind, id: { body: 'name' } } },
      schema: {
        tags,
        summary: 'Create a topic: its Kafka topic, and its schema in the registry',
        headers: IdempotencyHeaders,
        body: NewTopic,
        response: {
          201: Topic,
          ...problemsOf(
            'MDS_SCHEMA_INVALID',
            'MDS_SCHEMA_NOT_RECORD',
            'MDS_SCHEMA_INCOMPATIBLE',
            'MDS_ALREADY_EXISTS',
            'MDS_QUOTA_EXCEEDED',
            'MDS_IDEMPOTENCY_MISMATCH',
            'MDS_TIMEOUT',
          ),
        },
      },
    },
    (request, reply) => {
      const { tenant } = request.identity;
      const quota = quotas.quotasOf(tenant).topics;
      const create = async () => shown(await topics.create(tenant, request.body, quota, request.change));
      return answerCreated(db, request, reply, create);
    },
  );

  app.get(
    '/v1/topics/:name',
    {
      config: { access: FOUND('some grant for the topic') },
      schema: {
        tags,
        summary: 'Read a topic',
        params: ByName,
        response: { 200: Topic, ...problemsOf('MDS_TOPIC_UNKNOWN') },
      },
    },
    async ({ identity, params: { name } }) => {
      if (!maySeeTopic(identity, name)) throw new MdsError('MDS_TOPIC_UNKNOWN', { topic: name });
      return shown(await topics.find(identity.tenant, name));
    },
  );

  app.delete(
    '/v1/topics/:name',
    {
      config: { access: GRANT('manage', { param: 'name' }), audit: { action: 'delete', kind, id: { param: 'name' } } },
      schema: {
        tags,
        summary: 'Delete a topic with its Kafka topic, its schemas and its durable subscriptions',
        params: ByName,
        response: {
          202: Type.Object(
            { name: Type.String(), state: Type.Literal('deleting') },
            {
              description:
                'It is not to be seen any more; what it consists of is deleted as soon as that can be reached.',
            },
          ),
          204: Type.Null({ description: 'It is gone.' }),
          ...problemsOf('MDS_TOPIC_UNKNOWN'),
        },
      },
    },
    async ({ identity, change, params: { name } }, reply) => {
      if (await topics.delete(identity.tenant, name, change)) return reply.code(204).send(null);
      return reply.code(202).send({ name, state: 'deleting' });
    },
  );
}

export function shown(row: ReadyTopic): Topic {
  const { topicId, tenant, name, kafkaTopic, partitions, retentionMs, cleanupPolicy, schemaId, batchSchemaId } = row;
  return {
    topicId,
    tenant,
    name,
    kafkaTopic,
    partitions,
    retentionMs,
    cleanupPolicy,
    subject: eventSubjectOf(kafkaTopic),
    schemaId,
    batchSchemaId,
    schema: JSON.parse(row.schemaJson),
    createdAt: row.createdAt.toISOString(),
  };
}
