// /v1/topics

import { Type } from 'typebox';
import { DEFAULT_PAGE_LIMIT, PageQuery } from '../../../schemas/api/paging.ts';
import { NewTopic, Topic, TopicName, TopicPage } from '../../../schemas/api/topic.ts';
import type { Queryable } from '../../store/queryable.ts';
import { listTopics, type ReadyTopic } from '../../store/topics.ts';
import { DEFAULT_TENANT, eventSubjectOf } from '../../topics/topic-names.ts';
import type { TopicService } from '../../topics/topic-service.ts';
import { type App, problemsOf } from '../app.ts';
import { answerCreated, IdempotencyHeaders } from '../created.ts';
import { decodePageToken, pageFrom } from '../page-token.ts';

const tags = ['topics'];
const ByName = Type.Object({ name: TopicName });

export function topicRoutes(app: App, db: Queryable, topics: TopicService): void {
  app.get(
    '/v1/topics',
    {
      schema: {
        tags,
        summary: 'List topics in order of their names',
        querystring: PageQuery,
        response: { 200: TopicPage, ...problemsOf('MDS_PAGE_TOKEN_INVALID') },
      },
    },
    async ({ query: { limit = DEFAULT_PAGE_LIMIT, pageToken } }) => {
      const after = pageToken === undefined ? '' : decodePageToken('topics', pageToken);
      const rows = await listTopics(db, DEFAULT_TENANT, after, limit + 1);
      return pageFrom(rows, limit, shown, ({ name }) => ({ list: 'topics', after: name }));
    },
  );

  app.post(
    '/v1/topics',
    {
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
            'MDS_IDEMPOTENCY_MISMATCH',
            'MDS_TIMEOUT',
          ),
        },
      },
    },
    (request, reply) =>
      answerCreated(db, request, reply, async () => shown(await topics.create(DEFAULT_TENANT, request.body))),
  );

  app.get(
    '/v1/topics/:name',
    {
      schema: {
        tags,
        summary: 'Read a topic',
        params: ByName,
        response: { 200: Topic, ...problemsOf('MDS_TOPIC_UNKNOWN') },
      },
    },
    async ({ params }) => shown(await topics.find(DEFAULT_TENANT, params.name)),
  );

  app.delete(
    '/v1/topics/:name',
    {
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
    async ({ params: { name } }, reply) => {
      if (await topics.delete(DEFAULT_TENANT, name)) return reply.code(204).send(null);
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
