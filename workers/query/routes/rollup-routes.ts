// /v1/topics/{topic}/aggregate and /latest

import { GRANT } from '../../../platform/http-door/access.ts';
import type { App } from '../../../platform/rest-app.ts';
import { FILTER_CODES } from '../../../platform/rest-app.ts';
import type { TopicCatalog } from '../../../platform/topic-catalog.ts';
import {
  AggregateAnswer,
  AggregateQuery,
  AggregateRequest,
  LatestAnswer,
  LatestQuery,
} from '../../../schemas/api/data.ts';
import type { MdsErrorCode } from '../../../schemas/errors.ts';
import { answersAs } from '../answer-text.ts';
import type { AggregateService } from '../rollup/aggregate-service.ts';
import { aggregateRequestOf } from '../rollup/aggregate-wish.ts';
import { ByTopic } from './by-topic.ts';
import { problemsOf } from './problems.ts';

const tags = ['data'];
const READING = GRANT('subscribe', { param: 'topic' });

/** What any aggregation may be answered with. */
export const AGGREGATE_CODES: readonly MdsErrorCode[] = [
  ...FILTER_CODES,
  'MDS_ROLLUP_NOT_READY',
  'MDS_ROLLUP_RESTRICTED',
  'MDS_ROLLUP_FILTER',
  'MDS_ROLLUP_DIMENSION',
  'MDS_ROLLUP_RANGE',
  'MDS_ANSWER_TOO_LARGE',
];
const AGGREGATE_PROBLEMS = problemsOf(...AGGREGATE_CODES);

export interface RollupRouteParts {
  readonly catalog: Pick<TopicCatalog, 'named'>;
  readonly service: AggregateService;
}

export function rollupRoutes(app: App, { catalog, service }: RollupRouteParts): void {
  app.get(
    '/v1/topics/:topic/aggregate',
    {
      config: { access: READING },
      schema: {
        tags,
        summary: 'Aggregates of the events of a topic by window and group',
        description: 'From the rollup: nothing is read from Kafka. NDJSON and CSV have the rows alone.',
        params: ByTopic,
        querystring: AggregateQuery,
        response: { ...answersAs(AggregateAnswer), ...AGGREGATE_PROBLEMS },
      },
    },
    async ({ identity, params, query }, reply) => {
      const topic = await catalog.named(identity.tenant, params.topic);
      const { contentType, body } = await service.aggregate(identity, topic, aggregateRequestOf(query));
      return reply.type(contentType).serializer(String).send(body);
    },
  );

  app.post(
    '/v1/topics/:topic/aggregate',
    {
      config: { access: READING, counts: 'reads' },
      schema: {
        tags,
        summary: 'The same, for filters and dimensions that do not fit into a URL',
        params: ByTopic,
        body: AggregateRequest,
        response: { ...answersAs(AggregateAnswer), ...AGGREGATE_PROBLEMS },
      },
    },
    async ({ identity, params, body: wish }, reply) => {
      const topic = await catalog.named(identity.tenant, params.topic);
      const { contentType, body } = await service.aggregate(identity, topic, wish);
      return reply.type(contentType).serializer(String).send(body);
    },
  );

  app.get(
    '/v1/topics/:topic/latest',
    {
      config: { access: READING },
      schema: {
        tags,
        summary: 'The latest value of each series, or of each group',
        params: ByTopic,
        querystring: LatestQuery,
        response: { ...answersAs(LatestAnswer), ...AGGREGATE_PROBLEMS },
      },
    },
    async ({ identity, params, query }, reply) => {
      const topic = await catalog.named(identity.tenant, params.topic);
      const { contentType, body } = await service.latest(identity, topic, query);
      return reply.type(contentType).serializer(String).send(body);
    },
  );
}
