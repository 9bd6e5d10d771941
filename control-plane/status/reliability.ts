// What the delivery audit has found in the last hour, as a delivery ratio and a reliability score against the target.

import type { Redis } from '../../platform/redis.ts';
import type { Reliability } from '../../schemas/api/status.ts';
import { AUDIT_COUNTS, type AuditCounts, type AuditKeys, NO_AUDIT, RELIABILITY_TARGET } from '../../schemas/audit.ts';

const WINDOW_MINUTES = 60;
const MINUTE_MS = 60_000;

export async function readReliability(redis: Redis, keys: AuditKeys, nowMs: number): Promise<Reliability> {
  const now = Math.floor(nowMs / MINUTE_MS);
  const pipeline = redis.pipeline();
  for (let minute = now - WINDOW_MINUTES + 1; minute <= now; minute++) pipeline.hgetall(keys.minute(minute));
  const sums: Record<keyof AuditCounts, number> = { ...NO_AUDIT };
  for (const [error, hash] of (await pipeline.exec()) ?? []) {
    if (error) throw error;
    const fields = hash as Readonly<Record<string, string>>; // what HGETALL answers
    for (const count of AUDIT_COUNTS) sums[count] += Number(fields[count] ?? 0);
  }
  return reliabilityOf(sums);
}

export function reliabilityOf(counts: AuditCounts): Reliability {
  const { ranges, exact, expected, delivered, missing, unexpected, unjudged } = counts;
  const deliveryRatio = expected === 0 ? null : delivered / expected;
  return {
    windowMinutes: WINDOW_MINUTES,
    target: RELIABILITY_TARGET,
    ranges,
    exactRanges: exact,
    expectedEvents: expected,
    deliveredEvents: delivered,
    missingEvents: missing,
    unexpectedEvents: unexpected,
    unjudgedRanges: unjudged,
    deliveryRatio,
    score: ranges === 0 ? null : exact / ranges,
    isMet: deliveryRatio === null ? null : deliveryRatio >= RELIABILITY_TARGET,
  };
}

export const NO_RELIABILITY: Reliability = reliabilityOf(NO_AUDIT);
