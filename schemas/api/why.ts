// What GET /v1/subscriptions/{id}/why answers: everything that is known of one event and one durable subscription.

import { type Static, Type } from 'typebox';

const Count = Type.Integer({ minimum: 0 });
const Cursor = Type.Object({ partition: Count, offset: Count, index: Count });

export const WhyClause = Type.Object({
  clause: Type.String({ description: 'A part of the filter that must be true, in canonical form.' }),
  isTrue: Type.Boolean({ description: 'False also when it is an error for this event.' }),
});

export const WhyStep = Type.Object({
  at: Type.String({ description: 'RFC 3339, UTC.' }),
  what: Type.String({
    description: 'sent, redelivered, acknowledged, negative, deadLettered, expired, skipped, redriven',
  }),
  consumer: Type.String(),
  edgeId: Type.String(),
  shard: Count,
  epoch: Count,
  reason: Type.Union([Type.String(), Type.Null()]),
});

export const WHY_VERDICTS = {
  acknowledged: 'It was delivered and acknowledged.',
  deadLettered: 'It was given up after its last attempt and stands among the dead letters.',
  inFlight: 'It was delivered and waits for its acknowledgement, or for its next attempt.',
  waiting: 'It matches and was not delivered yet: no consumer has come so far.',
  settled: 'The subscription has passed it; what happened to it is older than what is remembered.',
  notMatched: 'The filter does not let it through.',
  beforeStart: 'It lies before where the subscription was last put.',
  expired: 'Kafka no longer had it when its turn came; the consumer was told of a gap.',
  skipped: 'It was in flight when a seek went forward over it.',
  gone: 'Kafka no longer has it, so whether it matched cannot be said.',
} as const;
export type WhyVerdict = keyof typeof WHY_VERDICTS;

export const Why = Type.Object({
  subscription: Type.String({ description: 'Id.' }),
  name: Type.String(),
  topic: Type.String(),
  filter: Type.String(),
  cursor: Cursor,
  event: Type.Unknown({ description: 'As JSON; null when Kafka no longer has it.' }),
  matches: Type.Union([Type.Boolean(), Type.Null()], { description: 'null: not known, because the event is gone.' }),
  clauses: Type.Array(WhyClause),
  verdict: Type.Enum(Object.keys(WHY_VERDICTS)),
  explanation: Type.String(),
  attempts: Type.Union([Count, Type.Null()], { description: 'Made so far, while it is in flight.' }),
  steps: Type.Array(WhyStep, { description: 'What happened to it, oldest first, as far as it is remembered.' }),
});
export type Why = Static<typeof Why>;
