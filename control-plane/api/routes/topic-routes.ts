// /v1/routes: from one topic to another, each matching event exactly once.

import { randomUUID } from 'node:crypto';
import { Type } from 'typebox';
import type { Redis } from '../../../platform/redis.ts';
import { DEFAULT_PAGE_LIMIT, PageQuery } from '../../../schemas/api/paging.ts';
import { NewRoute, Route, RoutePage } from '../../../schemas/api/route.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { makePlan } from '../../../schemas/plan/plan.ts';
import type { RouteKeys } from '../../../schemas/route.ts';
import { readRouteStatus } from '../../routes/route-catalog.ts';
import type { Queryable } from '../../store/queryable.ts';
import { deleteRoute, findRoute, insertRoute, leadsTo, listRoutes, type RouteRow } from '../../store/routes.ts';
import type { ReadyTopic } from '../../store/topics.ts';
import type { KafkaTopics } from '../../topics/ports.ts';
import { DEFAULT_TENANT } from '../../topics/topic-names.ts';
import type { TopicService } from '../../topics/topic-service.ts';
import { type App, problemsOf } from '../app.ts';
import { answerCreated, IdempotencyHeaders } from '../created.ts';
import { decodePageToken, pageFrom } from '../page-token.ts';

const tags = ['routes'];
const ById = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200, description: 'Id or name.' }) });

export interface TopicRouteParts {
  readonly db: Queryable;
  readonly redis: Redis;
  readonly keys: RouteKeys;
  readonly topics: Pick<TopicService, 'find'>;
  readonly kafka: Pick<KafkaTopics, 'endOffsets'>;
  /** Tells the workers now, when this process leads. */
  readonly onChange: () => void;
}

export function topicRouteRoutes(app: App, parts: TopicRouteParts): void {
  const { db } = parts;
  app.get(
    '/v1/routes',
    {
      schema: {
        tags,
        summary: 'List routes between topics, oldest first',
        querystring: PageQuery,
        response: { 200: RoutePage, ...problemsOf('MDS_PAGE_TOKEN_INVALID') },
      },
    },
    async ({ query: { limit = DEFAULT_PAGE_LIMIT, pageToken } }) => {
      const after = pageToken === undefined ? 0 : decodePageToken('routes', pageToken);
      const rows = await listRoutes(db, DEFAULT_TENANT, after, limit + 1);
      const shownRows = new Map<RouteRow, Route>();
      for (const row of rows) shownRows.set(row, await shown(parts, row));
      const show = (row: RouteRow): Route => shownRows.get(row) as Route; // each was put in above
      return pageFrom(rows, limit, show, ({ sequence }) => ({ list: 'routes', after: sequence }));
    },
  );

  app.post(
    '/v1/routes',
    {
      schema: {
        tags,
        summary: 'Create a route: matching events of one topic go to another, exactly once',
        description:
          'Events are written as they are, one to a record, with the key of their record, in transactions together with the offsets. Consumers that read committed records see each once.',
        headers: IdempotencyHeaders,
        body: NewRoute,
        response: {
          201: Route,
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
            'MDS_ROUTE_CIRCULAR',
            'MDS_ALREADY_EXISTS',
            'MDS_IDEMPOTENCY_MISMATCH',
            'MDS_DEPENDENCY_UNAVAILABLE',
            'MDS_TIMEOUT',
          ),
        },
      },
    },
    (request, reply) => answerCreated(db, request, reply, () => create(parts, request.body)),
  );

  app.get(
    '/v1/routes/:id',
    {
      schema: {
        tags,
        summary: 'Read a route and how its workers fare',
        params: ById,
        response: { 200: Route, ...problemsOf('MDS_NOT_FOUND') },
      },
    },
    async ({ params: { id } }) => shown(parts, await found(db, id)),
  );

  app.delete(
    '/v1/routes/:id',
    {
      schema: {
        tags,
        summary: 'Delete a route; what it has written stays',
        params: ById,
        response: { 204: Type.Null({ description: 'It is gone.' }), ...problemsOf('MDS_NOT_FOUND') },
      },
    },
    async ({ params: { id } }, reply) => {
      const { routeId } = await found(db, id);
      await deleteRoute(db, DEFAULT_TENANT, routeId);
      parts.onChange();
      return reply.code(204).send(null);
    },
  );
}

async function create(parts: TopicRouteParts, wish: NewRoute): Promise<Route> {
  const { db, topics, onChange } = parts;
  const topic = await topics.find(DEFAULT_TENANT, wish.topic);
  const target = await topics.find(DEFAULT_TENANT, wish.target);
  if (await leadsTo(db, target.topicId, topic.topicId)) {
    throw new MdsError('MDS_ROUTE_CIRCULAR', { topic: wish.topic, target: wish.target });
  }
  const plan = makePlan({ filter: wish.filter, format: 'avro' }, parseAvroSchema(topic.schemaJson));
  const routeId = `route-${randomUUID()}`;
  const inserted = await insertRoute(db, {
    routeId,
    tenant: DEFAULT_TENANT,
    name: wish.name,
    topicId: topic.topicId,
    targetTopicId: target.topicId,
    filter: plan.filter,
    plan,
    start: wish.from === 'earliest' ? [] : await endOf(parts, topic),
  });
  if (!inserted) throw new MdsError('MDS_ALREADY_EXISTS', { what: 'route', id: wish.name });
  onChange();
  return shown(parts, await found(db, routeId));
}

async function endOf({ kafka }: TopicRouteParts, { kafkaTopic, partitions }: ReadyTopic): Promise<[number, number][]> {
  return [...(await kafka.endOffsets(kafkaTopic, partitions))];
}

async function found(db: Queryable, id: string): Promise<RouteRow> {
  const row = await findRoute(db, DEFAULT_TENANT, id);
  if (row === null) throw new MdsError('MDS_NOT_FOUND', { what: 'route', id });
  return row;
}

async function shown({ redis, keys }: TopicRouteParts, row: RouteRow): Promise<Route> {
  const { routeId, name, topic, target, filter, createdAt } = row;
  const workers = await readRouteStatus(redis, keys, routeId, Date.now());
  return {
    id: routeId,
    name,
    topic,
    target,
    filter,
    createdAt: createdAt.toISOString(),
    workers: workers.map(({ workerId, state, error, partitions, readRecords, forwardedEvents }) => {
      return { workerId, state, error, partitions, readRecords, forwardedEvents };
    }),
  };
}
