// /v1/topics/{topic}/aggregate, /latest and /rollup

import type { Pool } from 'pg';
import { Type } from 'typebox';
import type { App } from '../../../platform/rest-app.ts';
import {
  AggregateAnswer,
  AggregateQuery,
  AggregateRequest,
  LatestAnswer,
  LatestQuery,
  RollupState,
} from '../../../schemas/api/data.ts';
import { TopicName } from '../../../schemas/api/topic.ts';
import { RollupDefinition } from '../../../schemas/rollup/definition.ts';
import { answersAs } from '../answer-text.ts';
import type { Door } from '../door.ts';
import type { AggregateService } from '../rollup/aggregate-service.ts';
import { functionsNamed, namesIn } from '../rollup/aggregate-wish.ts';
import { chooseRollup, rollupState } from '../rollup/rollup-definitions.ts';
import { FILTER_CODES, problemsOf } from './problems.ts';

const tags = ['data'];
export const ByTopic = Type.Object({ topic: TopicName });

const AGGREGATE_PROBLEMS = problemsOf(
  ...FILTER_CODES,
  'MDS_ROLLUP_NOT_READY',
  'MDS_ROLLUP_RESTRICTED',
  'MDS_ROLLUP_FILTER',
  'MDS_ROLLUP_DIMENSION',
  'MDS_ROLLUP_RANGE',
  'MDS_ANSWER_TOO_LARGE',
);

export function rollupRoutes(app: App, door: Door, service: AggregateService, pool: Pool): void {
  app.get(
    '/v1/topics/:topic/aggregate',
    {
      schema: {
        tags,
        summary: 'Aggregates of the events of a topic by window and group',
        description: 'From the rollup: nothing is read from Kafka. NDJSON and CSV have the rows alone.',
        params: ByTopic,
        querystring: AggregateQuery,
        response: { ...answersAs(AggregateAnswer), ...AGGREGATE_PROBLEMS },
      },
    },
    async (request, reply) => {
      const { identity, topic } = await door.enter(request, request.params.topic, 'subscribe');
      const { functions, groupBy, ...rest } = request.query;
      const { contentType, body } = await service.aggregate(identity, topic, {
        ...rest,
        ...(functions === undefined ? {} : { functions: functionsNamed(functions) }),
        ...(groupBy === undefined ? {} : { groupBy: namesIn(groupBy) }),
      });
      return reply.type(contentType).serializer(String).send(body);
    },
  );

  app.post(
    '/v1/topics/:topic/aggregate',
    {
      schema: {
        tags,
        summary: 'The same, for filters and dimensions that do not fit into a URL',
        params: ByTopic,
        body: AggregateRequest,
        response: { ...answersAs(AggregateAnswer), ...AGGREGATE_PROBLEMS },
      },
    },
    async (request, reply) => {
      const { identity, topic } = await door.enter(request, request.params.topic, 'subscribe');
      const { contentType, body } = await service.aggregate(identity, topic, request.body);
      return reply.type(contentType).serializer(String).send(body);
    },
  );

  app.get(
    '/v1/topics/:topic/latest',
    {
      schema: {
        tags,
        summary: 'The latest value of each series, or of each group',
        params: ByTopic,
        querystring: LatestQuery,
        response: { ...answersAs(LatestAnswer), ...AGGREGATE_PROBLEMS },
      },
    },
    async (request, reply) => {
      const { identity, topic } = await door.enter(request, request.params.topic, 'subscribe');
      const { contentType, body } = await service.latest(identity, topic, request.query);
      return reply.type(contentType).serializer(String).send(body);
    },
  );

  app.get(
    '/v1/topics/:topic/rollup',
    {
      schema: {
        tags,
        summary: 'What the rollup of a topic keeps, and how far it has counted',
        description: 'Counts of all events, also of those that a row filter hides: for whoever may manage the topic.',
        params: ByTopic,
        response: {
          200: RollupState,
          ...problemsOf('MDS_ROLLUP_NOT_READY'),
        },
      },
    },
    async (request) => {
      const { topic } = await door.enter(request, request.params.topic, 'manage');
      return rollupState(pool, topic);
    },
  );

  app.put(
    '/v1/topics/:topic/rollup',
    {
      schema: {
        tags,
        summary: 'Choose which fields and labels form the series of a topic',
        description: 'The new rollup begins at the first record that Kafka holds; the aggregates of the one before go.',
        params: ByTopic,
        body: RollupDefinition,
        response: {
          200: RollupState,
          ...problemsOf('MDS_ROLLUP_INVALID', 'MDS_ROLLUP_NOT_READY'),
        },
      },
    },
    async (request) => {
      const { topic } = await door.enter(request, request.params.topic, 'manage');
      await chooseRollup(pool, topic, request.body);
      return rollupState(pool, topic);
    },
  );
}
