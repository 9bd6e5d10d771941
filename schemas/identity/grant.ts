// Grants, roles and quotas as JSON: in requests, in Redis and in tokens' claims.

import { type Static, Type } from 'typebox';
import { TOPIC_NAME_PATTERN } from '../api/topic.ts';
import { ACTIONS, ROLES } from './identity.ts';

/** Twenty names of teams fit; all grants of a topic together may have half of what a filter may (reading-filter.ts). */
export const MAX_GRANT_FILTER_CHARACTERS = 1024;
/** They travel with every look at Redis to every process. */
export const MAX_GRANTS = 50;
const MAX_GRANT_TOPICS = 100;
const MAX_PATTERN_CHARACTERS = 201;

const TopicPattern = Type.String({
  minLength: 1,
  maxLength: MAX_PATTERN_CHARACTERS,
  pattern: `${TOPIC_NAME_PATTERN.slice(0, -1)}\\*?$|^\\*$`,
  description: 'Name of a topic; a * at the end stands for any rest, alone for all topics of the tenant.',
});

export const GrantJson = Type.Object(
  {
    actions: Type.Array(Type.Enum([...ACTIONS]), { minItems: 1, maxItems: ACTIONS.length }),
    topics: Type.Array(TopicPattern, { minItems: 1, maxItems: MAX_GRANT_TOPICS }),
    filter: Type.Optional(
      Type.String({
        maxLength: MAX_GRANT_FILTER_CHARACTERS,
        description:
          'CEL that every event read under this grant must satisfy, whatever is asked for; may read `claims.…` of the identity.',
      }),
    ),
  },
  { additionalProperties: false },
);
export type GrantJson = Static<typeof GrantJson>;

export const GrantList = Type.Array(GrantJson, { maxItems: MAX_GRANTS });
export const RoleList = Type.Array(Type.Enum([...ROLES]), { maxItems: ROLES.length });
export const ClaimsJson = Type.Record(Type.String({ maxLength: 200 }), Type.Unknown(), {
  description:
    'What filters of grants read as `claims.…`: strings, numbers, true or false, lists of strings, objects of these.',
});

const Limit = (what: string) =>
  Type.Union([Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }), Type.Null()], { description: what });

export const QuotasJson = Type.Object(
  {
    eventsInPerSecond: Limit('Events a second that may be published; null: no limit.'),
    deliveriesPerSecond: Limit('Events a second given to clients, each client counted; null: no limit.'),
    bytesOutPerSecond: Limit('Bytes a second sent to clients; null: no limit.'),
    connections: Limit('Connections at a time; null: no limit.'),
    subscriptions: Limit('Subscriptions at a time, and durable ones there may be; null: no limit.'),
    topics: Limit('Topics there may be; null: no limit.'),
    filterCost: Limit('Units of filter cost, summed over the live subscriptions; null: no limit.'),
  },
  { additionalProperties: false },
);
