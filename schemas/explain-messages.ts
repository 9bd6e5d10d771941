// What the control plane asks a stream worker about a filter, and what the worker answers, through Redis: the request in a
// list from which any worker takes it, the answer over the pub/sub channel of the control plane that asked.

import { type Static, Type } from 'typebox';

const Count = Type.Integer({ minimum: 0 });
const Milliseconds = Type.Number({ minimum: 0 });

/** Asks any worker how a filter is found, and what it costs and matches on the last events of its topic. */
export const ExplainRequest = Type.Object({
  /** The answer goes to the `explained` channel of this control plane. */
  replyTo: Type.String(),
  requestId: Type.String(),
  topicId: Count,
  channel: Type.String({ pattern: '^[0-9a-f]{32}$' }),
  plan: Type.Unknown(),
  /** Of a mandatory filter: whoever asks may read those events alone, so the others are as if they were not there. */
  mandatory: Type.Optional(Type.Unknown()),
  /** How many of the last events. */
  events: Type.Integer({ minimum: 1 }),
  /** Nobody waits for the answer any longer than this, ms since 1970. */
  deadlineMs: Count,
});
export type ExplainRequest = Static<typeof ExplainRequest>;

/** How events of some writers' schemas are found for one filter. */
export const FoundFilter = Type.Object({
  schemaIds: Type.Array(Count),
  found: Type.Union([Type.Literal('index'), Type.Literal('scan'), Type.Literal('never')]),
  by: Type.Array(
    Type.Object({
      kind: Type.Union([
        Type.Literal('equality'),
        Type.Literal('range'),
        Type.Literal('prefix'),
        Type.Literal('symbols'),
        Type.Literal('presence'),
      ]),
      of: Type.String(),
      /** How many of them are looked up: 2 for `host in ["a", "b"]`. */
      values: Count,
    }),
  ),
  /** What is tested besides; the whole filter when it is scanned. */
  residual: Type.Array(Type.String()),
  /** When it is scanned: the clauses that no index can serve. */
  unindexed: Type.Array(Type.String()),
});
export type FoundFilter = Static<typeof FoundFilter>;

export const MeasuredFilter = Type.Object({
  events: Count,
  matched: Count,
  /** How often the index led to the filter; the number of events when it is scanned. */
  tested: Count,
  /** Records among them that cannot be read; they are not counted as events. */
  rejectedRecords: Count,
  /** Time of one core for a million events: to walk them at all; for the filter besides; to write what matches besides. */
  walkMsPerMillion: Milliseconds,
  filterMsPerMillion: Milliseconds,
  outputMsPerMillion: Milliseconds,
  /** Kafka timestamps of the oldest and the newest of the events, ms since 1970. */
  fromMs: Type.Integer(),
  toMs: Type.Integer(),
  /** Why there are no more events: there are as many as asked for, the topic has no more, or enough was read. */
  endedBy: Type.Union([Type.Literal('events'), Type.Literal('topic'), Type.Literal('bytes'), Type.Literal('time')]),
});
export type MeasuredFilter = Static<typeof MeasuredFilter>;

export const ExplainAnswer = Type.Object({
  requestId: Type.String(),
  /** One for each way in which the writers' schemas differ, that with the most events first. */
  found: Type.Array(FoundFilter),
  measured: Type.Union([MeasuredFilter, Type.Null()]),
  /** Why nothing was measured. */
  problem: Type.Union([Type.Object({ code: Type.String(), message: Type.String() }), Type.Null()]),
});
export type ExplainAnswer = Static<typeof ExplainAnswer>;
