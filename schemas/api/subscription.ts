// Durable subscriptions as the REST API takes and shows them: named, stored wishes that outlive connections.

import { type Static, Type } from 'typebox';
import { pageOf } from './paging.ts';
import { TOPIC_NAME_PATTERN, TopicName } from './topic.ts';

export const MAX_SUBSCRIPTION_NAME_CHARS = 200;

/** What a consumer may take for one event or one batch before it counts as lost: 30 s bears a slow database call. */
export const DEFAULT_ACK_TIMEOUT_MS = 30_000;
export const DEFAULT_BACKOFF_BASE_MS = 1000;
/** 5 min: a consumer whose database is away for an hour is asked twelve times, and is back at work soon after. */
export const DEFAULT_BACKOFF_MAX_MS = 300_000;
export const DEFAULT_MAX_ATTEMPTS = 5;
/** For each shard: what a consumer works on and what waits for it; each event in flight is kept in Redis, some 15 bytes. */
export const DEFAULT_MAX_IN_FLIGHT = 1000;
/** More members than this share work better over several subscriptions. */
export const MAX_GROUP_SHARDS = 64;

const FieldPaths = Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: 256 });

/** Where to begin, or to go on from. */
export const StartPosition = Type.Union(
  [
    Type.Literal('latest'),
    Type.Literal('earliest'),
    Type.Object(
      { time: Type.String({ format: 'date-time', description: 'Events that Kafka got at this time or later.' }) },
      { additionalProperties: false },
    ),
    Type.Object(
      { token: Type.String({ minLength: 1, description: 'A resume token: what it has behind it is not delivered.' }) },
      { additionalProperties: false },
    ),
  ],
  { description: '"latest", "earliest", {"time": RFC 3339} or {"token": resume token}' },
);
export type StartPosition = Static<typeof StartPosition>;

/** How it delivers; all of it can be changed later on. */
const delivery = {
  ackTimeoutMs: Type.Optional(
    Type.Integer({
      minimum: 100,
      maximum: 43_200_000,
      description: `An event that is not acknowledged within this time is delivered again. Default ${DEFAULT_ACK_TIMEOUT_MS}.`,
    }),
  ),
  backoffBaseMs: Type.Optional(
    Type.Integer({
      minimum: 10,
      maximum: 3_600_000,
      description: `Wait before the second attempt; it doubles with each further one. Default ${DEFAULT_BACKOFF_BASE_MS}.`,
    }),
  ),
  backoffMaxMs: Type.Optional(
    Type.Integer({
      minimum: 10,
      maximum: 86_400_000,
      description: `Longest wait before an attempt. Default ${DEFAULT_BACKOFF_MAX_MS}.`,
    }),
  ),
  maxAttempts: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 100,
      description: `Attempts after which an event becomes a dead letter. Default ${DEFAULT_MAX_ATTEMPTS}.`,
    }),
  ),
  maxInFlight: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 10_000,
      description: `Events of a shard that may be unacknowledged. Default ${DEFAULT_MAX_IN_FLIGHT}.`,
    }),
  ),
};

const ConsumerGroup = Type.Object(
  {
    key: Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      maxItems: 8,
      description: 'Fields; events with equal values go to the same member, in order.',
    }),
    shards: Type.Integer({
      minimum: 1,
      maximum: MAX_GROUP_SHARDS,
      description: 'Into how many shares the work is divided: as many members can work at once.',
    }),
  },
  { additionalProperties: false },
);

export const NewSubscription = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: MAX_SUBSCRIPTION_NAME_CHARS, pattern: TOPIC_NAME_PATTERN }),
    topic: TopicName,
    filter: Type.Optional(Type.String({ description: 'CEL; absent or empty: every event.' })),
    fields: Type.Optional(FieldPaths),
    start: Type.Optional(StartPosition),
    ...delivery,
    group: Type.Optional(ConsumerGroup),
  },
  { additionalProperties: false },
);
export type NewSubscription = Static<typeof NewSubscription>;

export const SubscriptionChange = Type.Object(delivery, { additionalProperties: false, minProperties: 1 });
export type SubscriptionChange = Static<typeof SubscriptionChange>;

export const SeekRequest = Type.Object({ to: StartPosition }, { additionalProperties: false });
export type SeekRequest = Static<typeof SeekRequest>;

const Time = Type.String({ description: 'RFC 3339, UTC.' });
const Count = Type.Integer({ minimum: 0 });

export const SubscriptionConsumer = Type.Object({
  consumer: Type.String(),
  edgeId: Type.String(),
  joinedAt: Time,
  seenAt: Time,
  shards: Type.Array(Count, { description: 'Those it works on now; none: it stands by.' }),
});

export const ShardStatus = Type.Object({
  shard: Count,
  consumer: Type.Union([Type.String(), Type.Null()], { description: 'Who works on it; null: nobody.' }),
  edgeId: Type.Union([Type.String(), Type.Null()]),
  epoch: Count,
  position: Type.String({ description: 'Resume token: everything it has behind it is settled.' }),
  inFlight: Type.Integer({ minimum: 0, description: 'Events that were delivered and are not settled.' }),
  lagRecords: Type.Union([Count, Type.Null()], {
    description: 'Records of the topic that are not behind it; null: not known.',
  }),
});

export const SubscriptionLive = Type.Object({
  consumers: Type.Array(SubscriptionConsumer),
  activeConsumer: Type.Union([Type.String(), Type.Null()], {
    description: 'The one that gets the events of a subscription without a group; null: nobody, or there is a group.',
  }),
  inFlight: Count,
  lagRecords: Type.Union([Count, Type.Null()], { description: 'Of the shard that is furthest behind.' }),
  shards: Type.Array(ShardStatus),
});
export type SubscriptionLive = Static<typeof SubscriptionLive>;

export const Subscription = Type.Object({
  id: Type.String({ description: 'Given by the service.' }),
  name: Type.String(),
  topic: Type.String(),
  filter: Type.String({ description: 'As it was given; empty for every event.' }),
  mandatoryFilter: Type.String({
    description: 'What the grants of its maker demanded; its events satisfy both. Empty for nothing.',
  }),
  fields: Type.Union([Type.Array(Type.String()), Type.Null()], { description: 'null: all fields.' }),
  state: Type.Union([Type.Literal('active'), Type.Literal('paused')]),
  ackTimeoutMs: Count,
  backoffBaseMs: Count,
  backoffMaxMs: Count,
  maxAttempts: Count,
  maxInFlight: Count,
  group: Type.Union([ConsumerGroup, Type.Null()], { description: 'null: one consumer at a time.' }),
  createdAt: Time,
  live: Type.Union([SubscriptionLive, Type.Null()], {
    description: 'Who consumes it and how far it is; null when Redis cannot be reached.',
  }),
});
export type Subscription = Static<typeof Subscription>;

export const SubscriptionPage = pageOf(Subscription);
export type SubscriptionPage = Static<typeof SubscriptionPage>;
