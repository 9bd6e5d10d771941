// /v1/topics/{topic}/recent

import { GRANT } from '../../../platform/http-door/access.ts';
import type { App } from '../../../platform/rest-app.ts';
import { FILTER_CODES } from '../../../platform/rest-app.ts';
import type { TopicCatalog } from '../../../platform/topic-catalog.ts';
import { RecentAnswer, RecentQuery } from '../../../schemas/api/data.ts';
import { answersAs } from '../answer-text.ts';
import type { RecentService } from '../recent/recent-service.ts';
import { ByTopic } from './by-topic.ts';
import { problemsOf } from './problems.ts';

export interface RecentRouteParts {
  readonly catalog: Pick<TopicCatalog, 'named'>;
  readonly recent: RecentService;
}

export function recentRoutes(app: App, { catalog, recent }: RecentRouteParts): void {
  app.get(
    '/v1/topics/:topic/recent',
    {
      config: { access: GRANT('subscribe', { param: 'topic' }) },
      schema: {
        tags: ['data'],
        summary: 'Events that Kafka holds, newest or oldest first',
        description:
          'Looks at a bounded number of records: an answer may have no events and a cursor. The header `mds-next-cursor` has it too, for NDJSON and CSV; without it everything was read.',
        params: ByTopic,
        querystring: RecentQuery,
        response: {
          ...answersAs(RecentAnswer),
          ...problemsOf(...FILTER_CODES, 'MDS_PAGE_TOKEN_INVALID', 'MDS_QUERY_BUSY', 'MDS_TIMEOUT'),
        },
      },
    },
    async ({ identity, params, query }, reply) => {
      const topic = await catalog.named(identity.tenant, params.topic);
      const { contentType, body, cursor } = await recent.recent(identity, topic, query);
      if (cursor !== null) reply.header('mds-next-cursor', cursor);
      return reply.type(contentType).serializer(String).send(body);
    },
  );
}
