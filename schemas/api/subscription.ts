// Durable subscriptions as the REST API takes and shows them: named, stored wishes that outlive connections.

import { type Static, Type } from 'typebox';
import { pageOf } from './paging.ts';
import { TOPIC_NAME_PATTERN, TopicName } from './topic.ts';

export const MAX_SUBSCRIPTION_NAME_CHARS = 200;

/** What happens to a client that reads too slowly; `resume`: closed, and it resumes where it was. */
export const OverflowPolicy = Type.Literal('resume');

const FieldPaths = Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: 256 });

export const NewSubscription = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: MAX_SUBSCRIPTION_NAME_CHARS, pattern: TOPIC_NAME_PATTERN }),
    topic: TopicName,
    filter: Type.Optional(Type.String({ description: 'CEL; absent or empty: every event.' })),
    fields: Type.Optional(FieldPaths),
    overflow: Type.Optional(OverflowPolicy),
  },
  { additionalProperties: false },
);
export type NewSubscription = Static<typeof NewSubscription>;

export const Subscription = Type.Object({
  id: Type.String({ description: 'Given by the service.' }),
  name: Type.String(),
  topic: Type.String(),
  filter: Type.String({ description: 'As it was given; empty for every event.' }),
  fields: Type.Union([Type.Array(Type.String()), Type.Null()], { description: 'null: all fields.' }),
  overflow: OverflowPolicy,
  createdAt: Type.String({ description: 'RFC 3339, UTC.' }),
});
export type Subscription = Static<typeof Subscription>;

export const SubscriptionPage = pageOf(Subscription);
export type SubscriptionPage = Static<typeof SubscriptionPage>;
