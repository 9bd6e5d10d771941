// Reading data over REST: aggregates, latest values and recent events of a topic, and what its rollup keeps.

import { type Static, Type } from 'typebox';
import { FUNCTIONS } from '../rollup/aggregate.ts';
import { RollupDefinition } from '../rollup/definition.ts';

const Nullable = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Union([schema, Type.Null()]);

export const ANSWER_FORMATS = ['json', 'ndjson', 'csv'] as const;
const Format = Type.Optional(
  Type.Enum([...ANSWER_FORMATS], {
    description: 'json (default): one object; ndjson: a row a line; csv: with a header.',
  }),
);
const Filter = Type.String({ maxLength: 8192, description: 'CEL; empty or absent: everything that may be read.' });
const Time = Type.String({
  maxLength: 40,
  description: 'RFC 3339 time, or how long ago: -90s, -15m, -1h, -7d.',
});
const Duration = Type.String({
  pattern: '^[1-9]\\d{0,6}(s|m|h|d)$',
  description: 'Such as 10s, 5m, 1h, 1d.',
});
const Dimension = Type.String({ minLength: 1, maxLength: 256 });
export const MAX_GROUP_BY = 8;

const FunctionName = Type.Enum([...FUNCTIONS]);

export const AggregateQuery = Type.Object(
  {
    functions: Type.Optional(
      Type.String({ maxLength: 100, description: `With commas between, of ${FUNCTIONS.join(', ')}. Default: count.` }),
    ),
    groupBy: Type.Optional(
      Type.String({ maxLength: 2048, description: 'Dimensions with commas between: service, labels.region.' }),
    ),
    window: Type.Optional(Duration),
    from: Type.Optional(Time),
    to: Type.Optional(Time),
    filter: Type.Optional(Filter),
    format: Format,
  },
  { additionalProperties: false },
);
export type AggregateQuery = Static<typeof AggregateQuery>;

export const AggregateRequest = Type.Object(
  {
    functions: Type.Optional(Type.Array(FunctionName, { minItems: 1, maxItems: FUNCTIONS.length })),
    groupBy: Type.Optional(Type.Array(Dimension, { maxItems: MAX_GROUP_BY })),
    window: Type.Optional(Duration),
    from: Type.Optional(Time),
    to: Type.Optional(Time),
    filter: Type.Optional(Filter),
    format: Format,
  },
  { additionalProperties: false },
);
export type AggregateRequest = Static<typeof AggregateRequest>;

const DimensionValue = Nullable(Type.Union([Type.String(), Type.Number(), Type.Boolean()]));
const Group = Type.Record(Type.String(), DimensionValue, { description: 'Value of each dimension of groupBy.' });
const Result = Type.Optional(Nullable(Type.Number()));

export const AggregateRow = Type.Object({
  start: Type.String({ description: 'Where the window begins, RFC 3339.' }),
  group: Group,
  ...Object.fromEntries(FUNCTIONS.map((name) => [name, Result])),
});
export interface AggregateRow extends Partial<Record<(typeof FUNCTIONS)[number], number | null>> {
  readonly start: string;
  readonly group: Readonly<Record<string, string | number | boolean | null>>;
}

export const AggregateAnswer = Type.Object({
  topic: Type.String(),
  from: Type.String({ description: 'Where the first window begins.' }),
  to: Type.String({ description: 'Where the last window ends.' }),
  windowSeconds: Type.Integer(),
  groupBy: Type.Array(Type.String()),
  functions: Type.Array(FunctionName),
  isComplete: Type.Boolean({
    description: 'False: events without a series of their own may belong here and were left out.',
  }),
  overflowEvents: Nullable(
    Type.Integer({ description: 'How many were left out for that; null when this identity may not know.' }),
  ),
  rows: Type.Array(AggregateRow, { description: 'Windows in order; one without events has no row.' }),
});
export interface AggregateAnswer extends Omit<Static<typeof AggregateAnswer>, 'rows'> {
  readonly rows: readonly AggregateRow[];
}

export const LatestQuery = Type.Object(
  {
    group: Type.Optional(
      Type.String({ maxLength: 2048, description: 'Dimensions with commas between. Default: every series.' }),
    ),
    filter: Type.Optional(Filter),
    within: Type.Optional(
      Type.String({ ...Duration, description: 'How far back is looked: 1h by default, at most 1d.' }),
    ),
    format: Format,
  },
  { additionalProperties: false },
);
export type LatestQuery = Static<typeof LatestQuery>;

export const LatestAnswer = Type.Object({
  topic: Type.String(),
  group: Type.Array(Type.String()),
  rows: Type.Array(
    Type.Object({
      group: Group,
      at: Type.String({ description: 'Time of the event, RFC 3339 with microseconds.' }),
      value: Nullable(Type.Number()),
    }),
  ),
});
export type LatestAnswer = Static<typeof LatestAnswer>;

/** 1,000 events are about 500 KB. */
const MAX_RECENT = 1000;

export const RecentQuery = Type.Object(
  {
    filter: Type.Optional(Filter),
    from: Type.Optional(Time),
    to: Type.Optional(Time),
    order: Type.Optional(Type.Enum(['newest', 'oldest'], { description: 'Default: newest first.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_RECENT, description: 'Default: 100.' })),
    cursor: Type.Optional(
      Type.String({
        maxLength: 65_536,
        description: 'Of an answer: goes on where it ended. Its range and order hold; the filter is given again.',
      }),
    ),
    format: Format,
  },
  { additionalProperties: false },
);
export type RecentQuery = Static<typeof RecentQuery>;

export const RecentAnswer = Type.Object({
  topic: Type.String(),
  order: Type.Enum(['newest', 'oldest']),
  isComplete: Type.Boolean({ description: 'Everything of the range was read.' }),
  cursor: Nullable(Type.String({ description: 'For the next answer; null when everything was read.' })),
  unreadableRecords: Type.Integer({ description: 'Records that cannot be decoded: see dead letters.' }),
  scannedTo: Type.Array(Type.Object({ partition: Type.Integer(), offset: Type.Integer() }), {
    description: 'How far each partition was read: everything up to here, or from here on when newest comes first.',
  }),
  events: Type.Array(
    Type.Object({
      partition: Type.Integer(),
      offset: Type.Integer(),
      index: Type.Integer({ description: 'Place in a batch record.' }),
      recordedAt: Type.String({ description: 'When Kafka got the record; what from, to and the order are about.' }),
      event: Type.Unknown(),
    }),
  ),
});
export type RecentAnswer = Static<typeof RecentAnswer>;

export const RollupState = Type.Object({
  topic: Type.String(),
  definition: RollupDefinition,
  isChosen: Type.Boolean({ description: 'False: the default that the schema gives.' }),
  series: Type.Integer({ description: 'Series that have a number of their own.' }),
  events: Type.Integer({ description: 'Events read from Kafka, late and ahead ones included.' }),
  lateEvents: Type.Integer({ description: 'Came when their minute was closed: in no window.' }),
  aheadEvents: Type.Integer({ description: 'Of a time in the future: in no window.' }),
  unreadableRecords: Type.Integer({ description: 'Records whose events cannot be read: see dead letters.' }),
  newestEvent: Nullable(Type.String({ description: 'Time of the newest event.' })),
  partitions: Type.Array(
    Type.Object({
      partition: Type.Integer(),
      nextOffset: Type.Integer({ description: 'Every record before it is counted, none behind it.' }),
      closedUntil: Nullable(Type.String({ description: 'Windows that end by then take no more events.' })),
    }),
  ),
});
export type RollupState = Static<typeof RollupState>;
