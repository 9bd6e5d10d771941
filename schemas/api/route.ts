// Routes as the REST API takes and shows them.

import { type Static, Type } from 'typebox';
import { pageOf } from './paging.ts';
import { TOPIC_NAME_PATTERN, TopicName } from './topic.ts';

export const NewRoute = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200, pattern: TOPIC_NAME_PATTERN }),
    topic: TopicName,
    target: Type.String({
      ...TopicName,
      description: 'Topic of the same tenant that gets the events as they were written; its schema must accept them.',
    }),
    filter: Type.Optional(Type.String({ description: 'CEL; absent or empty: every event.' })),
    from: Type.Optional(
      Type.Union([Type.Literal('latest'), Type.Literal('earliest')], {
        description: 'Where it begins; default latest: with what is produced from now on.',
      }),
    ),
  },
  { additionalProperties: false },
);
export type NewRoute = Static<typeof NewRoute>;

const RouteWorker = Type.Object({
  workerId: Type.String(),
  state: Type.Union([Type.Literal('running'), Type.Literal('failing')]),
  error: Type.Union([Type.String(), Type.Null()]),
  partitions: Type.Array(Type.Integer()),
  readRecords: Type.Integer(),
  forwardedEvents: Type.Integer(),
});

export const Route = Type.Object({
  id: Type.String({ description: 'Given by the service.' }),
  name: Type.String(),
  topic: Type.String(),
  target: Type.String(),
  filter: Type.String({ description: 'In canonical form; empty for every event.' }),
  mandatoryFilter: Type.String({
    description: 'What the grants of its maker demanded; its events satisfy both. Empty for nothing.',
  }),
  createdAt: Type.String({ description: 'RFC 3339, UTC.' }),
  workers: Type.Array(RouteWorker, { description: 'Stream workers that run it, as they said within the last 10 s.' }),
});
export type Route = Static<typeof Route>;

export const RoutePage = pageOf(Route);
export type RoutePage = Static<typeof RoutePage>;
