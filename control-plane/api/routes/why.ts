// /v1/subscriptions/{id}/why: what became of one event for one durable subscription.

import { Type } from 'typebox';
import { FOUND } from '../../../platform/http-door/access.ts';
import { Why } from '../../../schemas/api/why.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { readingFilter } from '../../../schemas/identity/reading-filter.ts';
import { definitionOf } from '../../durable/definitions.ts';
import type { SubscriptionService } from '../../durable/subscription-service.ts';
import type { TopicService } from '../../topics/topic-service.ts';
import type { EventPlace } from '../../why/verdict.ts';
import type { WhyReader } from '../../why/why-reader.ts';
import { type App, problemsOf } from '../app.ts';
import { BySubscription } from './subscriptions.ts';

const CURSOR = /^(\d{1,10}):(\d{1,15})(?::(\d{1,10}))?$/;

const WhyQuery = Type.Object(
  {
    cursor: Type.Optional(
      Type.String({
        pattern: CURSOR.source,
        description: 'PARTITION:OFFSET, or PARTITION:OFFSET:INDEX in a batch record.',
      }),
    ),
    event: Type.Optional(Type.String({ minLength: 1, maxLength: 500, description: 'The id of the event.' })),
  },
  { additionalProperties: false },
);

export function whyRoutes(
  app: App,
  subscriptions: Pick<SubscriptionService, 'find'>,
  topics: Pick<TopicService, 'find'>,
  why: WhyReader,
): void {
  app.get(
    '/v1/subscriptions/:id/why',
    {
      config: { access: FOUND('subscribe on its topic; only events that pass the mandatory filter') },
      schema: {
        tags: ['subscriptions'],
        summary: 'Did it match, when was it sent, to whom, acknowledged when, or which clause said no',
        description: 'Give either the cursor of the event or its id; the id is looked for in the whole topic.',
        params: BySubscription,
        querystring: WhyQuery,
        response: {
          200: Why,
          ...problemsOf('MDS_SUBSCRIPTION_UNKNOWN', 'MDS_NOT_FOUND', 'MDS_TOPIC_UNKNOWN', 'MDS_TIMEOUT'),
        },
      },
    },
    async ({ identity, params: { id }, query: { cursor, event } }) => {
      const row = await subscriptions.find(identity, id);
      const topic = await topics.find(identity.tenant, row.topic);
      const reading = (filter: string) => readingFilter(identity, row.topic, filter, parseAvroSchema(topic.schemaJson));
      reading(''); // also without a look at any event, this is for who may read them
      if ((cursor === undefined) === (event === undefined)) {
        throw new MdsError('MDS_REQUEST_INVALID', { problems: ['give either cursor or event'] });
      }
      const place = cursor === undefined ? await why.placeOf(topic, event ?? '', reading) : placeOf(cursor);
      return why.why(definitionOf(row), topic, place, reading(''));
    },
  );
}

function placeOf(cursor: string): EventPlace {
  const [, partition, offset, index = '0'] = CURSOR.exec(cursor) ?? []; // its pattern was checked
  return { partition: Number(partition), offset: Number(offset), index: Number(index) };
}
