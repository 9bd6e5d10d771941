// /v1/filters/check: what the page asks while a filter is typed.

import { FilterCheck, FilterVerdict } from '../../../schemas/api/filter-check.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { channelIdOf, checkFilter, makePlan } from '../../../schemas/plan/plan.ts';
import type { ReadyTopic } from '../../store/topics.ts';
import { DEFAULT_TENANT } from '../../topics/topic-names.ts';
import type { TopicService } from '../../topics/topic-service.ts';
import { type App, problemsOf } from '../app.ts';

export function filterRoutes(app: App, topics: TopicService): void {
  app.post(
    '/v1/filters/check',
    {
      schema: {
        tags: ['filters'],
        summary: "Check a filter against a topic's schema",
        description: 'A filter that is not valid is a good answer to this question: status 200, `valid: false`.',
        body: FilterCheck,
        response: { 200: FilterVerdict, ...problemsOf('MDS_TOPIC_UNKNOWN') },
      },
    },
    async ({ body }) => verdictOn(body, await topics.find(DEFAULT_TENANT, body.topic)),
  );
}

export function verdictOn({ filter, fields }: FilterCheck, topic: ReadyTopic): FilterVerdict {
  const schema = parseAvroSchema(topic.schemaJson);
  const checked = checkFilter(filter, schema);
  if (!checked.ok) return { valid: false, error: checked.error };
  try {
    const channel = channelIdOf(topic.topicId, makePlan({ filter, fields }, schema));
    return {
      valid: true,
      canonical: checked.canonical,
      fieldsRead: [...checked.fieldsRead],
      cost: checked.cost,
      channel,
    };
  } catch (error) {
    // The filter is fine, so it is the projection.
    if (!(error instanceof MdsError) || error.code !== 'MDS_PROJECTION_UNKNOWN_FIELD') throw error;
    return { valid: false, error: { ...error.details, code: error.code, message: error.message } };
  }
}
