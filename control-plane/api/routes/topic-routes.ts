// /v1/routes: from one topic to another, each matching event exactly once.

import { randomUUID } from 'node:crypto';
import { Type } from 'typebox';
import { ANYBODY, demandAction, FOUND } from '../../../platform/http-door/access.ts';
import type { Redis } from '../../../platform/redis.ts';
import { FILTER_CODES } from '../../../platform/rest-app.ts';
import { DEFAULT_PAGE_LIMIT, PageQuery } from '../../../schemas/api/paging.ts';
import { NewRoute, Route, RoutePage } from '../../../schemas/api/route.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { type Identity, mayDo } from '../../../schemas/identity/identity.ts';
import { readingFilter } from '../../../schemas/identity/reading-filter.ts';
import { makePlan } from '../../../schemas/plan/plan.ts';
import type { RouteKeys } from '../../../schemas/route.ts';
import { maySeeUseOf } from '../../access/reading.ts';
import { topicsFor } from '../../access/seen.ts';
import type { Changing } from '../../audit/change.ts';
import { readRouteStatus } from '../../routes/route-catalog.ts';
import type { Queryable } from '../../store/queryable.ts';
import { deleteRoute, findRoute, insertRoute, leadsTo, listRoutes, type RouteRow } from '../../store/routes.ts';
import type { ReadyTopic } from '../../store/topics.ts';
import type { KafkaTopics } from '../../topics/ports.ts';
import type { TopicService } from '../../topics/topic-service.ts';
import { type App, problemsOf } from '../app.ts';
import { answerCreated, IdempotencyHeaders } from '../created.ts';
import { decodePageToken, pageFrom } from '../page-token.ts';

const tags = ['routes'];
const kind = 'route';
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
      config: { access: ANYBODY('routes from topics it may subscribe to or manage') },
      schema: {
        tags,
        summary: 'List routes between topics, oldest first',
        querystring: PageQuery,
        response: { 200: RoutePage, ...problemsOf('MDS_PAGE_TOKEN_INVALID') },
      },
    },
    async ({ identity, query: { limit = DEFAULT_PAGE_LIMIT, pageToken } }) => {
      const { tenant } = identity;
      const after = pageToken === undefined ? 0 : decodePageToken('routes', tenant, pageToken);
      const rows = await listRoutes(db, tenant, topicsFor(identity, ['subscribe', 'manage']), after, limit + 1);
      const shownRows = new Map<RouteRow, Route>();
      for (const row of rows) shownRows.set(row, await shown(parts, row));
      const show = (row: RouteRow): Route => shownRows.get(row) as Route; // each was put in above
      return pageFrom(tenant, rows, limit, show, ({ sequence }) => ({ list: 'routes', after: sequence }));
    },
  );

  app.post(
    '/v1/routes',
    {
      config: {
        access: FOUND(
          'subscribe on the topic it reads (its mandatory filter becomes part of the route), publish on the target',
        ),
        audit: { action: 'create', kind, id: { body: 'name' } },
      },
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
            ...FILTER_CODES,
            'MDS_ROUTE_CIRCULAR',
            'MDS_ALREADY_EXISTS',
            'MDS_IDEMPOTENCY_MISMATCH',
            'MDS_DEPENDENCY_UNAVAILABLE',
            'MDS_TIMEOUT',
          ),
        },
      },
    },
    (request, reply) => {
      const { identity, body, change } = request;
      demandAction(identity, 'subscribe', body.topic);
      demandAction(identity, 'publish', body.target);
      return answerCreated(db, request, reply, () => create(parts, identity, body, change));
    },
  );

  app.get(
    '/v1/routes/:id',
    {
      config: { access: FOUND('subscribe or manage on the topic it reads') },
      schema: {
        tags,
        summary: 'Read a route and how its workers fare',
        params: ById,
        response: { 200: Route, ...problemsOf('MDS_NOT_FOUND') },
      },
    },
    async ({ identity, params: { id } }) => shown(parts, await found(db, identity, id)),
  );

  app.delete(
    '/v1/routes/:id',
    {
      config: {
        access: FOUND('manage on the topic it reads, or subscribe for whoever created it'),
        audit: { action: 'delete', kind, id: { param: 'id' } },
      },
      schema: {
        tags,
        summary: 'Delete a route; what it has written stays',
        params: ById,
        response: { 204: Type.Null({ description: 'It is gone.' }), ...problemsOf('MDS_NOT_FOUND') },
      },
    },
    async ({ identity, change, params: { id } }, reply) => {
      const { routeId, name, topic, target, filter, createdBy } = await found(db, identity, id);
      if (createdBy !== identity.subject || !mayDo(identity, 'subscribe', topic))
        demandAction(identity, 'manage', topic);
      await change.commit(
        (transaction) => deleteRoute(transaction, identity.tenant, routeId),
        (isGone) => (isGone ? { id: routeId, before: { name, topic, target, filter } } : null),
      );
      parts.onChange();
      return reply.code(204).send(null);
    },
  );
}

async function create(parts: TopicRouteParts, identity: Identity, wish: NewRoute, change: Changing): Promise<Route> {
  const { db, topics, onChange } = parts;
  const { tenant } = identity;
  const topic = await topics.find(tenant, wish.topic);
  const target = await topics.find(tenant, wish.target);
  if (await leadsTo(db, target.topicId, topic.topicId)) {
    throw new MdsError('MDS_ROUTE_CIRCULAR', { topic: wish.topic, target: wish.target });
  }
  const schema = parseAvroSchema(topic.schemaJson);
  const { filter } = makePlan({ filter: wish.filter, format: 'avro' }, schema);
  const mandatoryFilter = readingFilter(identity, wish.topic, '', schema);
  const reading = readingFilter(identity, wish.topic, wish.filter ?? '', schema);
  const plan = makePlan({ filter: reading, format: 'avro' }, schema);
  const routeId = `route-${randomUUID()}`;
  const row = {
    routeId,
    tenant,
    name: wish.name,
    topicId: topic.topicId,
    targetTopicId: target.topicId,
    filter,
    mandatoryFilter,
    createdBy: identity.subject,
    plan,
    start: wish.from === 'earliest' ? [] : await endOf(parts, topic),
  };
  const inserted = await change.commit(
    (transaction) => insertRoute(transaction, row),
    (isInserted) => (isInserted ? { id: routeId, after: { ...wish, mandatoryFilter } } : null),
  );
  if (!inserted) throw new MdsError('MDS_ALREADY_EXISTS', { what: 'route', id: wish.name });
  onChange();
  return shown(parts, await found(db, identity, routeId));
}

async function endOf({ kafka }: TopicRouteParts, { kafkaTopic, partitions }: ReadyTopic): Promise<[number, number][]> {
  return [...(await kafka.endOffsets(kafkaTopic, partitions))];
}

async function found(db: Queryable, identity: Identity, id: string): Promise<RouteRow> {
  const row = await findRoute(db, identity.tenant, id);
  if (row === null || !maySeeUseOf(identity, row.topic)) throw new MdsError('MDS_NOT_FOUND', { what: 'route', id });
  return row;
}

async function shown({ redis, keys }: TopicRouteParts, row: RouteRow): Promise<Route> {
  const { routeId, name, topic, target, filter, mandatoryFilter, createdAt } = row;
  const workers = await readRouteStatus(redis, keys, routeId, Date.now());
  return {
    id: routeId,
    name,
    topic,
    target,
    filter,
    mandatoryFilter,
    createdAt: createdAt.toISOString(),
    workers: workers.map(({ workerId, state, error, partitions, readRecords, forwardedEvents }) => {
      return { workerId, state, error, partitions, readRecords, forwardedEvents };
    }),
  };
}
