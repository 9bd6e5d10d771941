// /v1/topics/{name}: changing a topic, describing what it holds, and the versions of its schema.

import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { FOUND, GRANT } from '../../../platform/http-door/access.ts';
import { Topic, TopicName } from '../../../schemas/api/topic.ts';
import {
  NewSchemaVersion,
  SchemaCheck,
  SchemaCheckRequest,
  SchemaVersionList,
  TopicChange,
  TopicDescription,
} from '../../../schemas/api/topic-management.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { maySeeTopic, maySeeUseOf } from '../../access/reading.ts';
import { NO_ACTION } from '../../audit/auditing.ts';
import type { ReadyTopic } from '../../store/topics.ts';
import type { SchemaVersions } from '../../topics/schema-versions.ts';
import type { TopicChanges } from '../../topics/topic-changes.ts';
import type { TopicDescriber } from '../../topics/topic-describer.ts';
import type { TopicService } from '../../topics/topic-service.ts';
import { type App, problemsOf } from '../app.ts';
import { shown } from './topics.ts';

const tags = ['topics'];
const ByName = Type.Object({ name: TopicName });
const MANAGED = GRANT('manage', { param: 'name' });
const SCHEMA_PROBLEMS = ['MDS_TOPIC_UNKNOWN', 'MDS_SCHEMA_INVALID', 'MDS_SCHEMA_NOT_RECORD'] as const;

export interface TopicManagement {
  readonly changes: TopicChanges;
  readonly describer: TopicDescriber;
  readonly versions: SchemaVersions;
}

export function topicManagementRoutes(app: App, topics: TopicService, management: TopicManagement): void {
  const { changes, describer, versions } = management;
  const found = ({ identity: { tenant } }: FastifyRequest, name: string): Promise<ReadyTopic> =>
    topics.find(tenant, name);
  /** One that the identity may not see is as one that is not there. */
  const seen = (request: FastifyRequest, name: string, maySee: typeof maySeeTopic): Promise<ReadyTopic> => {
    if (!maySee(request.identity, name)) throw new MdsError('MDS_TOPIC_UNKNOWN', { topic: name });
    return found(request, name);
  };

  app.patch(
    '/v1/topics/:name',
    {
      config: { access: MANAGED, audit: { action: 'change', kind: 'topic', id: { param: 'name' } } },
      schema: {
        tags,
        summary: 'Change the number of partitions (only up) or the retention of a topic',
        description: 'Sent again after a failure, it completes what was begun.',
        params: ByName,
        body: TopicChange,
        response: {
          200: Topic,
          ...problemsOf('MDS_TOPIC_UNKNOWN', 'MDS_NOT_FOUND', 'MDS_PARTITIONS_CANNOT_SHRINK', 'MDS_TIMEOUT'),
        },
      },
    },
    async (request) => {
      const { params, body, change } = request;
      return shown(await changes.change(await found(request, params.name), body, change));
    },
  );

  app.get(
    '/v1/topics/:name/description',
    {
      config: { access: FOUND('subscribe or manage on the topic') },
      schema: {
        tags,
        summary: 'What a topic holds: offsets and bytes of each partition, retention as Kafka has it, schema versions',
        description: 'Always answers for a topic that exists; what is not known at the moment is named in `problems`.',
        params: ByName,
        response: { 200: TopicDescription, ...problemsOf('MDS_TOPIC_UNKNOWN') },
      },
    },
    async (request) => {
      const topic = await seen(request, request.params.name, maySeeUseOf);
      return { topic: shown(topic), ...(await describer.describe(topic)) };
    },
  );

  app.get(
    '/v1/topics/:name/schemas',
    {
      config: { access: FOUND('some grant for the topic') },
      schema: {
        tags,
        summary: "List the versions of a topic's schema, the oldest first",
        params: ByName,
        response: { 200: SchemaVersionList, ...problemsOf('MDS_TOPIC_UNKNOWN') },
      },
    },
    async (request) => ({ items: await versions.list(await seen(request, request.params.name, maySeeTopic)) }),
  );

  app.post(
    '/v1/topics/:name/schemas/check',
    {
      config: { access: MANAGED, audit: NO_ACTION('it only looks'), counts: 'reads' },
      schema: {
        tags,
        summary: 'What another schema would change: each difference, and the filters in use that it would break',
        description:
          'Changes nothing. Filters of subscriptions, routes and clients that are connected are tried with it.',
        params: ByName,
        body: SchemaCheckRequest,
        response: { 200: SchemaCheck, ...problemsOf(...SCHEMA_PROBLEMS) },
      },
    },
    async (request) => versions.check(await found(request, request.params.name), request.body.schema),
  );

  app.post(
    '/v1/topics/:name/schemas',
    {
      config: { access: MANAGED, audit: { action: 'add schema version', kind: 'topic', id: { param: 'name' } } },
      schema: {
        tags,
        summary: "Add a version of a topic's schema, after the same check",
        description:
          'Refused when it cannot read older events; or when it would break filters in use, unless that is accepted.',
        params: ByName,
        body: NewSchemaVersion,
        response: {
          201: SchemaCheck,
          ...problemsOf(...SCHEMA_PROBLEMS, 'MDS_SCHEMA_INCOMPATIBLE', 'MDS_SCHEMA_BREAKS_FILTERS'),
        },
      },
    },
    async (request, reply) => {
      const { schema, acceptBrokenFilters = false } = request.body;
      const topic = await found(request, request.params.name);
      const check = await versions.add(topic, schema, acceptBrokenFilters);
      request.change.before = { schemaId: topic.schemaId };
      request.change.after = { schemaId: (await found(request, topic.name)).schemaId, acceptBrokenFilters };
      return reply.code(201).send(check);
    },
  );
}
