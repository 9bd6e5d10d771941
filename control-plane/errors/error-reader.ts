// The errors of all processes of the last hours, as they were shipped to Redis, as one list with advice.

import type { Redis } from '../../platform/redis.ts';
import type { ErrorQuery, ErrorReport } from '../../schemas/api/error-report.ts';
import { readMessage } from '../../schemas/coordination.ts';
import { ERROR_ADVICE } from '../../schemas/error-advice.ts';
import { ERROR_KINDS, isMdsErrorCode, MdsError, reasonOf } from '../../schemas/errors.ts';
import { ErrorGroup, HOUR_MS, type ManagementKeys } from '../../schemas/management.ts';

const DEFAULT_LIMIT = 100;

export type ErrorFilter = Omit<ErrorQuery, 'hours' | 'limit'>;

export class ErrorReader {
  readonly #redis: Redis;
  readonly #keys: ManagementKeys;
  readonly #now: () => number;

  constructor(redis: Redis, keys: ManagementKeys, now: () => number = Date.now) {
    this.#redis = redis;
    this.#keys = keys;
    this.#now = now;
  }

  /** @throws MdsError `MDS_DEPENDENCY_UNAVAILABLE` */
  async read({ hours = 1, limit = DEFAULT_LIMIT, ...filter }: ErrorQuery): Promise<ErrorReport[]> {
    const present = Math.floor(this.#now() / HOUR_MS);
    const groups: ErrorGroup[] = [];
    try {
      for (let hour = present; hour > present - hours; hour--) {
        const texts = await this.#redis.hvals(this.#keys.errors(hour));
        groups.push(...texts.map((text) => readMessage(ErrorGroup, text)));
      }
    } catch (cause) {
      if (cause instanceof MdsError) throw cause;
      throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Redis', reason: reasonOf(cause) }, { cause });
    }
    return errorReports(groups, filter).slice(0, limit);
  }
}

/** Groups of several hours as one each, the latest first. Pure. */
export function errorReports(groups: readonly ErrorGroup[], filter: ErrorFilter): ErrorReport[] {
  const merged = new Map<string, ErrorGroup>();
  for (const group of groups) {
    if (!matches(group, filter)) continue;
    const key = JSON.stringify([group.code, group.component, group.topic, group.tenant]);
    const known = merged.get(key);
    merged.set(key, known === undefined ? group : joined(known, group));
  }
  return [...merged.values()].sort((a, b) => b.lastMs - a.lastMs || b.count - a.count).map(reportOf);
}

const matches = (group: ErrorGroup, { code, component, topic, tenant }: ErrorFilter): boolean =>
  (code === undefined || group.code === code) &&
  (component === undefined || group.component === component) &&
  (topic === undefined || group.topic === topic) &&
  (tenant === undefined || group.tenant === tenant);

const joined = (a: ErrorGroup, b: ErrorGroup): ErrorGroup => ({
  ...(b.lastMs > a.lastMs ? b : a),
  count: a.count + b.count,
  firstMs: Math.min(a.firstMs, b.firstMs),
  lastMs: Math.max(a.lastMs, b.lastMs),
});

function reportOf({ code, component, topic, tenant, count, firstMs, lastMs, sample }: ErrorGroup): ErrorReport {
  const known = isMdsErrorCode(code) ? code : 'MDS_INTERNAL'; // of another version of a process
  return {
    code,
    component,
    topic: topic === '' ? null : topic,
    tenant: tenant === '' ? null : tenant,
    count,
    firstAt: new Date(firstMs).toISOString(),
    lastAt: new Date(lastMs).toISOString(),
    sample,
    retryable: ERROR_KINDS[known].retryable,
    advice: ERROR_ADVICE[known],
  };
}
