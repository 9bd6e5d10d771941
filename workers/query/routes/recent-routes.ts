// /v1/topics/{topic}/recent

import type { App } from '../../../platform/rest-app.ts';
import { RecentAnswer, RecentQuery } from '../../../schemas/api/data.ts';
import { answersAs } from '../answer-text.ts';
import type { Door } from '../door.ts';
import type { RecentService } from '../recent/recent-service.ts';
import { FILTER_CODES, problemsOf } from './problems.ts';
import { ByTopic } from './rollup-routes.ts';

export function recentRoutes(app: App, door: Door, service: RecentService): void {
  app.get(
    '/v1/topics/:topic/recent',
    {
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
    async (request, reply) => {
      const { identity, topic } = await door.enter(request, request.params.topic, 'subscribe');
      const { contentType, body, cursor } = await service.recent(identity, topic, request.query);
      if (cursor !== null) reply.header('mds-next-cursor', cursor);
      return reply.type(contentType).serializer(String).send(body);
    },
  );
}
