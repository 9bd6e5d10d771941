// Dead letters as the REST API takes and shows them: events that durable subscriptions gave up, and records that nobody
// could get.

import { type Static, Type } from 'typebox';
import { PageQuery, pageOf } from './paging.ts';

/** 100 a second: a consumer that has just recovered is not knocked over by what knocked it over before. */
export const DEFAULT_REDRIVE_RATE = 100;
const MAX_REDRIVE_RATE = 10_000;

const Count = Type.Integer({ minimum: 0 });
const Time = Type.String({ description: 'RFC 3339, UTC.' });
const NameOrNull = Type.Union([Type.String(), Type.Null()]);
const CountOrNull = Type.Union([Count, Type.Null()]);

export const DeadLetterState = Type.Union([
  Type.Literal('dead'),
  Type.Literal('redriving'),
  Type.Literal('redriven'),
  Type.Literal('purged'),
]);
export type DeadLetterState = Static<typeof DeadLetterState>;

const filter = {
  subscription: Type.Optional(Type.String({ minLength: 1, description: 'Id or name of a durable subscription.' })),
  topic: Type.Optional(Type.String({ minLength: 1 })),
  reason: Type.Optional(Type.String({ minLength: 1, description: 'A code such as MDS_EVENT_REFUSED.' })),
  key: Type.Optional(Type.String({ description: "The record's key, where it is text." })),
  from: Type.Optional(Type.String({ format: 'date-time', description: 'Given up at this time or later.' })),
  to: Type.Optional(Type.String({ format: 'date-time', description: 'Given up before this time.' })),
};

export const DeadLetterFilter = Type.Object(filter, { additionalProperties: false });
export type DeadLetterFilter = Static<typeof DeadLetterFilter>;

export const DeadLetterQuery = Type.Object(
  {
    ...filter,
    state: Type.Optional(
      Type.Union([...DeadLetterState.anyOf], { description: 'Default: all but those that were purged.' }),
    ),
    ...PageQuery.properties,
  },
  { additionalProperties: false },
);

export const DeadLetter = Type.Object({
  id: Type.String(),
  state: DeadLetterState,
  topic: Type.String(),
  cursor: Type.Object({ partition: Count, offset: Count, index: CountOrNull }),
  subscription: Type.Union([Type.Object({ id: Type.String(), name: Type.String(), shard: Count }), Type.Null()], {
    description: 'null: a record that nobody could get.',
  }),
  reason: Type.String({ description: 'A code of the MDS_ list.' }),
  message: Type.String(),
  attempts: Count,
  consumer: NameOrNull,
  key: NameOrNull,
  at: Time,
  changedAt: Time,
  redrives: Type.Integer({ minimum: 0, description: 'How often it was redriven.' }),
});
export type DeadLetter = Static<typeof DeadLetter>;

export const DeadLetterPage = pageOf(DeadLetter);
export type DeadLetterPage = Static<typeof DeadLetterPage>;

export const InspectedDeadLetter = Type.Object({
  ...DeadLetter.properties,
  original: Type.Union(
    [
      Type.Object({
        timestamp: Time,
        key: Type.Union([Type.String(), Type.Null()], { description: 'base64' }),
        value: Type.Union([Type.String(), Type.Null()], { description: 'base64, magic byte and all' }),
      }),
      Type.Null(),
    ],
    { description: 'The record as it was; null when the dead-letter topic no longer holds it.' },
  ),
  schemaId: CountOrNull,
  events: Type.Array(Type.Unknown(), {
    description: 'Decoded with the schema it was written with: the event, or the first 100 of a record of many.',
  }),
  problem: Type.Union([Type.Object({ code: Type.String(), message: Type.String() }), Type.Null()], {
    description: 'Why it could not be decoded.',
  }),
});
export type InspectedDeadLetter = Static<typeof InspectedDeadLetter>;

export const NewRedrive = Type.Object(
  {
    filter: Type.Optional(DeadLetterFilter),
    all: Type.Optional(Type.Literal(true, { description: 'Instead of a filter.' })),
    ratePerSecond: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: MAX_REDRIVE_RATE,
        description: `Default ${DEFAULT_REDRIVE_RATE}.`,
      }),
    ),
  },
  { additionalProperties: false },
);
export type NewRedrive = Static<typeof NewRedrive>;

export const Redrive = Type.Object({
  id: Type.String(),
  state: Type.Union([Type.Literal('running'), Type.Literal('done'), Type.Literal('cancelled')]),
  filter: DeadLetterFilter,
  ratePerSecond: Type.Number(),
  total: Type.Integer({ minimum: 0, description: 'Letters that were dead when it began.' }),
  redriven: Type.Integer({ minimum: 0, description: 'Letters that were given on so far.' }),
  failed: Type.Integer({ minimum: 0, description: 'Letters that could not be given on; they stay dead.' }),
  createdAt: Time,
  updatedAt: Time,
});
export type Redrive = Static<typeof Redrive>;

export const PurgeRequest = Type.Object(
  { filter: Type.Optional(DeadLetterFilter), all: Type.Optional(Type.Literal(true)) },
  { additionalProperties: false },
);
export type PurgeRequest = Static<typeof PurgeRequest>;
export const Purged = Type.Object({ purged: Count });
export type Purged = Static<typeof Purged>;
