// The delivery audit: edges say of a random channel and partition what they gave out in a range, and a stream worker reads
// the range from Kafka again and decides by the plain model (schemas/plan/model.ts) what it should have been. Neither side
// shares code with the other's decision.
//
//   audit            list of AuditSample, the newest first, bounded      taken by any stream worker
//   audit:{minute}   hash: AuditCount → n, minutes since 1970            summed up by the control plane

import { type Static, Type } from 'typebox';

/** Samples that wait; more means that no worker takes any, and old ones are worth nothing. */
export const MAX_WAITING_SAMPLES = 200;
/** A day: what is shown is the last hour, the rest is for who asks on the next morning. */
export const AUDIT_MINUTE_TTL_SECONDS = 86_400;
/** What is promised: 99.99 % of the events that match are delivered, or told as lost. */
export const RELIABILITY_TARGET = 0.9999;

export const AUDIT_COUNTS = [
  /** Ranges that were judged. */
  'ranges',
  /** Of them: every event as it should be. */
  'exact',
  'events',
  /** Events of those that match. */
  'expected',
  'delivered',
  /** Match and were not given out. */
  'missing',
  /** Given out and do not match, or twice, or out of order. */
  'unexpected',
  /** Ranges that could not be judged: Kafka or the registry no longer had them, or not in time. */
  'unjudged',
] as const;
export type AuditCount = (typeof AUDIT_COUNTS)[number];
export type AuditCounts = Readonly<Record<AuditCount, number>>;

const Count = Type.Integer({ minimum: 0 });
const WireCursor = Type.Tuple([Type.Integer({ minimum: -1 }), Count]);

export const AuditSample = Type.Object({
  edgeId: Type.String(),
  topicId: Count,
  channel: Type.String(),
  plan: Type.Unknown(),
  partition: Count,
  /** Exclusive and inclusive: everything that matches in here was given out. */
  from: WireCursor,
  to: WireCursor,
  /** What was given out, as it was: in this order. */
  given: Type.Array(WireCursor),
  takenMs: Count,
});
export type AuditSample = Static<typeof AuditSample>;

/** @param prefix as for `redisKeys` */
export const auditKeys = (prefix: string) => ({
  samples: `${prefix}:audit`,
  minute: (minute: number) => `${prefix}:audit:${minute}`,
});
export type AuditKeys = ReturnType<typeof auditKeys>;

export const NO_AUDIT: AuditCounts = {
  ranges: 0,
  exact: 0,
  events: 0,
  expected: 0,
  delivered: 0,
  missing: 0,
  unexpected: 0,
  unjudged: 0,
};
