// Checking a filter against a topic's schema before subscribing with it: what the page does as you type, and `mds explain`
// with what the filter costs.

import { type Static, Type } from 'typebox';
import { FoundFilter, MeasuredFilter } from '../explain-messages.ts';
import { TopicName } from './topic.ts';

/** 10,000: tells 0.1 % from 0.2 %, and is read and tried within a second. */
export const DEFAULT_EXPLAIN_EVENTS = 10_000;
/** 100,000: at 300 bytes an event, all that a worker is willing to read for one question. */
export const MAX_EXPLAIN_EVENTS = 100_000;

export const FilterCheck = Type.Object(
  {
    topic: TopicName,
    filter: Type.String({
      description: 'CEL; empty: every event.',
      examples: ['severity >= WARNING && host == "web-1"'],
    }),
    fields: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        maxItems: 256,
        description: 'Fields to keep, as dotted paths; none: whole events.',
        examples: [['host', 'value', 'labels.region']],
      }),
    ),
    explain: Type.Optional(
      Type.Boolean({
        description:
          'true: a stream worker tries the filter on the last events of the topic, which takes about a second. The answer then has `explanation`, `otherWriters`, `measured` and `reason`. Default false.',
      }),
    ),
    events: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_EXPLAIN_EVENTS,
        description: `With \`explain\`: how many of the last events to try it on. Default ${DEFAULT_EXPLAIN_EVENTS}.`,
      }),
    ),
  },
  { additionalProperties: false },
);
export type FilterCheck = Static<typeof FilterCheck>;

const { found, by, residual, unindexed, schemaIds } = FoundFilter.properties;

export const FilterExplanation = Type.Object(
  {
    found: {
      ...found,
      description:
        'index: values of an event are looked up, and lead to the filter; scan: it is tested on every event; never: it cannot be true.',
    },
    by: { ...by, description: 'What is looked up, and how many values of it lead to the filter.' },
    residual: {
      ...residual,
      description:
        'Clauses that are tested on events found so, and on no others; when it is scanned, the whole filter.',
    },
    unindexed: { ...unindexed, description: 'When it is scanned: the clauses for which there is no index.' },
    schemaIds: { ...schemaIds, description: "The writers' schemas for which this holds." },
    sentences: Type.Array(Type.String(), { description: 'The same for people, with advice where there is some.' }),
  },
  {
    description: 'How events that match are found.',
    examples: [
      {
        found: 'index',
        by: [{ kind: 'equality', of: 'host', values: 2 }],
        residual: ['value > 90.0'],
        unindexed: [],
        schemaIds: [1, 2],
        sentences: [
          'Found by equality on host: only events with one of its 2 values are looked at.',
          'Tested on those alone: value > 90.0',
        ],
      },
    ],
  },
);
export type FilterExplanation = Static<typeof FilterExplanation>;

const { events, matched, tested, rejectedRecords, endedBy } = MeasuredFilter.properties;
const { walkMsPerMillion, filterMsPerMillion, outputMsPerMillion } = MeasuredFilter.properties;

export const FilterMeasurement = Type.Object(
  {
    events: { ...events, description: 'How many of the last events the filter was tried on.' },
    matched: { ...matched, description: 'How many of them match, exactly.' },
    matchRate: Type.Number({ minimum: 0, maximum: 1, description: 'matched / events' }),
    tested: {
      ...tested,
      description: 'How often the filter, or a part of it, was tested: for each event when it is scanned.',
    },
    costMsPerMillion: {
      ...filterMsPerMillion,
      description: 'Milliseconds of one core for a million events: finding and testing, beyond walking the events.',
    },
    outputMsPerMillion: {
      ...outputMsPerMillion,
      description: 'The same for writing what matches as JSON; done once for all subscribers of a projection.',
    },
    walkMsPerMillion: {
      ...walkMsPerMillion,
      description: 'The same for walking the events, which is paid once, however many filters there are.',
    },
    eventsPerSecond: Type.Number({
      minimum: 0,
      description: 'Events a second that one core walks when this is the only filter.',
    }),
    from: Type.String({ format: 'date-time', description: 'Kafka timestamp of the oldest of the events.' }),
    to: Type.String({ format: 'date-time', description: 'Kafka timestamp of the newest of the events.' }),
    endedBy: {
      ...endedBy,
      description:
        'Why there are no more events: there are as many as asked for, the topic holds no more, or no more bytes or time were spent on reading.',
    },
    rejectedRecords: { ...rejectedRecords, description: 'Records in between that cannot be read.' },
  },
  {
    description: 'What the filter did on the last events.',
    examples: [
      {
        events: 10_000,
        matched: 412,
        matchRate: 0.0412,
        tested: 988,
        costMsPerMillion: 14.2,
        outputMsPerMillion: 21.5,
        walkMsPerMillion: 96.1,
        eventsPerSecond: 7_590_000,
        from: '2026-01-31T12:00:00.000Z',
        to: '2026-01-31T12:00:20.000Z',
        endedBy: 'events',
        rejectedRecords: 0,
      },
    ],
  },
);
export type FilterMeasurement = Static<typeof FilterMeasurement>;

export const ExplainReason = Type.Object(
  {
    code: Type.String({
      description:
        'MDS_EXPLAIN_NO_WORKER, MDS_EXPLAIN_NO_EVENTS, MDS_EXPLAIN_BUSY, MDS_TIMEOUT, MDS_DEPENDENCY_UNAVAILABLE, …',
    }),
    message: Type.String(),
  },
  { examples: [{ code: 'MDS_EXPLAIN_NO_EVENTS', message: 'The topic holds no events to measure the filter on.' }] },
);

export const ValidFilter = Type.Object({
  valid: Type.Literal(true),
  canonical: Type.String({
    description: 'Filters that mean the same in the simple ways have the same canonical form.',
  }),
  fieldsRead: Type.Array(Type.String()),
  cost: Type.Number({ minimum: 0, description: 'Estimated units of work for each event.' }),
  channel: Type.String({ description: 'Equal subscriptions have the same channel.' }),
  explanation: Type.Optional(
    Type.Union([FilterExplanation, Type.Null()], {
      description:
        'With `explain`: for the schema with which most of the events were written; null when no worker told.',
    }),
  ),
  otherWriters: Type.Optional(
    Type.Array(FilterExplanation, {
      description: "With `explain`: for writers' schemas on which the filter is found otherwise.",
    }),
  ),
  measured: Type.Optional(
    Type.Union([FilterMeasurement, Type.Null()], { description: 'With `explain`; null when nothing was measured.' }),
  ),
  reason: Type.Optional(
    Type.Union([ExplainReason, Type.Null()], { description: 'With `explain`: why nothing was measured, else null.' }),
  ),
});
export type ValidFilter = Static<typeof ValidFilter>;

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

export type InvalidFilter = Static<typeof InvalidFilter>;

export const FilterVerdict = Type.Union([ValidFilter, InvalidFilter]);
export type FilterVerdict = Static<typeof FilterVerdict>;
