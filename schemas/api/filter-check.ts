// Checking a filter against a topic's schema before subscribing with it: what the page does as you type.

import { type Static, Type } from 'typebox';
import { TopicName } from './topic.ts';

export const FilterCheck = Type.Object(
  {
    topic: TopicName,
    filter: Type.String({ description: 'CEL; empty: every event.' }),
    fields: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: 256 })),
  },
  { additionalProperties: false },
);
export type FilterCheck = Static<typeof FilterCheck>;

export const ValidFilter = Type.Object({
  valid: Type.Literal(true),
  canonical: Type.String({
    description: 'Filters that mean the same in the simple ways have the same canonical form.',
  }),
  fieldsRead: Type.Array(Type.String()),
  cost: Type.Number({ minimum: 0, description: 'Estimated units of work for each event.' }),
  channel: Type.String({ description: 'Equal subscriptions have the same channel.' }),
});

export const InvalidFilter = Type.Object({
  valid: Type.Literal(false),
  error: Type.Object(
    {
      code: Type.String(),
      message: Type.String(),
      at: Type.Optional(Type.Unknown({ description: 'Where in the filter the problem is.' })),
      didYouMean: Type.Optional(Type.Unknown({ description: 'What was probably meant.' })),
    },
    { additionalProperties: true },
  ),
});

export const FilterVerdict = Type.Union([ValidFilter, InvalidFilter]);
export type FilterVerdict = Static<typeof FilterVerdict>;
