// /v1/filters/check: what the page asks while a filter is typed, and `mds explain` when it has been.

import { GRANT } from '../../../platform/http-door/access.ts';
import {
  DEFAULT_EXPLAIN_EVENTS,
  FilterCheck,
  FilterVerdict,
  type InvalidFilter,
  type ValidFilter,
} from '../../../schemas/api/filter-check.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import { readingFilter } from '../../../schemas/identity/reading-filter.ts';
import { channelIdOf, checkFilter, makePlan, type Plan } from '../../../schemas/plan/plan.ts';
import { NO_ACTION } from '../../audit/auditing.ts';
import { explainedParts } from '../../explain/explained-verdict.ts';
import type { Explanations } from '../../explain/explanations.ts';
import type { ReadyTopic } from '../../store/topics.ts';
import type { TopicService } from '../../topics/topic-service.ts';
import { type App, problemsOf } from '../app.ts';

const DESCRIPTION = `A filter that is not valid is a good answer to this question: status 200, \`valid: false\`.

With \`explain\`, a stream worker says how events that match are found (by an index, or by testing every event), tries the
filter on the last events of the topic, and measures what it costs. When no worker can, the verdict comes all the same, with
\`measured: null\` and the \`reason\`.`;

export function filterRoutes(app: App, topics: TopicService, explanations: Pick<Explanations, 'ask'>): void {
  app.post(
    '/v1/filters/check',
    {
      config: {
        access: GRANT('subscribe', { body: 'topic' }),
        audit: NO_ACTION('it only looks'),
        counts: 'reads',
      },
      schema: {
        tags: ['filters'],
        summary: "Check a filter against a topic's schema, or explain it",
        description: DESCRIPTION,
        body: FilterCheck,
        response: { 200: FilterVerdict, ...problemsOf('MDS_TOPIC_UNKNOWN') },
      },
    },
    async ({ identity, body }) => {
      const topic = await topics.find(identity.tenant, body.topic);
      const judged = judge(body, topic, identity);
      if (!judged.plan || body.explain !== true) return judged.verdict;
      const { verdict, plan, mandatory } = judged;
      const { events = DEFAULT_EXPLAIN_EVENTS } = body;
      const { topicId } = topic;
      const read = mandatory === null ? {} : { mandatory };
      const answer = await explanations.ask(identity.tenant, {
        ...{ topicId, channel: verdict.channel, plan, events },
        ...read,
      });
      return { ...verdict, ...explainedParts(answer) };
    },
  );
}

type Judged =
  | {
      readonly plan: Plan;
      /** Null: the identity may read every event. */
      readonly mandatory: Plan | null;
      readonly verdict: ValidFilter;
    }
  | { readonly plan: null; readonly verdict: InvalidFilter };

/** What is planned is what the identity would read. */
function judge({ filter, fields }: FilterCheck, topic: ReadyTopic, identity: Identity): Judged {
  const schema = parseAvroSchema(topic.schemaJson);
  const checked = checkFilter(filter, schema);
  if (!checked.ok) return { plan: null, verdict: { valid: false, error: checked.error } };
  try {
    const plan = makePlan({ filter: readingFilter(identity, topic.name, filter, schema), fields }, schema);
    const demanded = readingFilter(identity, topic.name, '', schema);
    const mandatory = demanded === '' ? null : makePlan({ filter: demanded }, schema);
    const verdict: ValidFilter = {
      valid: true,
      canonical: checked.canonical,
      fieldsRead: [...checked.fieldsRead],
      cost: checked.cost,
      channel: channelIdOf(topic.topicId, plan),
    };
    return { plan, mandatory, verdict };
  } catch (error) {
    // The filter is fine by itself, so it is the projection, or what is mandatory made it too long or too costly.
    if (!(error instanceof MdsError) || !/^MDS_(PROJECTION|FILTER)_/.test(error.code)) throw error;
    const { code, message, details } = error;
    return { plan: null, verdict: { valid: false, error: { ...details, code, message } } };
  }
}
