// How well events are distributed, with reasons: what GET /v1/health/distribution shows.

import { type Static, Type } from 'typebox';

export const VERDICTS = ['ok', 'degraded', 'failing'] as const;
export const Verdict = Type.Enum([...VERDICTS], {
  description: 'degraded: still delivered, but somebody should look; failing: not delivered, or not as promised.',
});
export type Verdict = (typeof VERDICTS)[number];

/** What is looked at. Each has a section in docs/operations.md that says what to do. */
export const HEALTH_RULES = [
  'no-worker',
  'no-edge',
  'no-leader',
  'partition-without-owner',
  'lag-growing',
  'process-not-ready',
  'replay-backlog',
  'audit-below-target',
  'latency-high',
  'dead-letters-rising',
  'registry-away',
  'redis-away',
  'redis-memory',
  'postgres-away',
] as const;
export type HealthRule = (typeof HEALTH_RULES)[number];

export const HealthReason = Type.Object({
  rule: Type.Enum([...HEALTH_RULES]),
  verdict: Verdict,
  sentence: Type.String({ description: 'What is the case.' }),
  advice: Type.String({ description: 'What to do.' }),
  see: Type.String({ description: 'Where more about it stands.' }),
});
export type HealthReason = Static<typeof HealthReason>;

export const TopicHealth = Type.Object({
  topic: Type.String(),
  tenant: Type.String(),
  verdict: Verdict,
  reasons: Type.Array(HealthReason),
});
export type TopicHealth = Static<typeof TopicHealth>;

export const DistributionHealth = Type.Object(
  {
    verdict: Verdict,
    at: Type.String({ description: 'RFC 3339, UTC.' }),
    reasons: Type.Array(HealthReason, { description: 'About the service as a whole; empty when all is well.' }),
    topics: Type.Array(TopicHealth, { description: 'Those that are worst come first.' }),
  },
  {
    examples: [
      {
        verdict: 'degraded',
        at: '2026-01-01T12:00:00.000Z',
        reasons: [],
        topics: [
          {
            topic: 'host.metrics',
            tenant: 'default',
            verdict: 'degraded',
            reasons: [
              {
                rule: 'lag-growing',
                verdict: 'degraded',
                sentence: '52,000 records wait, 18,000 more than a minute ago.',
                advice: 'Start another stream worker, or see which partition is hot.',
                see: 'docs/operations.md#lag-growing',
              },
            ],
          },
        ],
      },
    ],
  },
);
export type DistributionHealth = Static<typeof DistributionHealth>;
