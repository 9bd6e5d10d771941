// Gathers what the health rules look at, keeps some minutes of it, and measures the verdict for alerting. Every control plane
// watches for itself: who asks any of them gets an answer, also while none leads.

import type { Metrics } from '../../platform/metrics.ts';
import type { Redis } from '../../platform/redis.ts';
import { type DistributionHealth, HEALTH_RULES, VERDICTS } from '../../schemas/api/health.ts';
import type { ServiceStatus } from '../../schemas/api/status.ts';
import type { RedisKeys } from '../../schemas/coordination.ts';
import { reasonOf } from '../../schemas/errors.ts';
import { recentDeadLetters } from '../store/dead-letter-rate.ts';
import type { Queryable } from '../store/queryable.ts';
import { distributionHealth, type HealthFacts, type HealthSample, sampleOf } from './health-rules.ts';

const INTERVAL_MS = 5000;
/** Six minutes: the longest rule looks four back. */
const MAX_SAMPLES = 72;
/** Whoever asks twice within a second gets the same answer. */
const FRESH_MS = 1000;

export interface HealthWatchParts {
  readonly status: { read(): Promise<ServiceStatus> };
  readonly db: Queryable;
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly registry: { latest(subject: string): Promise<unknown> };
  readonly metrics: Metrics;
  readonly now: () => number;
}

export class HealthWatch {
  readonly #parts: HealthWatchParts;
  readonly #verdict;
  readonly #reasons;
  #history: readonly HealthSample[] = [];
  #timer: NodeJS.Timeout | undefined;
  #last: { readonly atMs: number; readonly health: Promise<DistributionHealth> } | null = null;

  constructor(parts: HealthWatchParts) {
    this.#parts = parts;
    const { metrics } = parts;
    this.#verdict = metrics.gauge('distribution_health', '0: ok, 1: degraded, 2: failing');
    this.#reasons = metrics.gauge('distribution_health_reasons', 'Reasons why it is not ok, over all topics', ['rule']);
  }

  start(): void {
    this.#timer = setInterval(() => void this.health(), INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Never rejects: what cannot be asked is a reason. */
  health(): Promise<DistributionHealth> {
    const nowMs = this.#parts.now();
    if (this.#last === null || nowMs - this.#last.atMs >= FRESH_MS) this.#last = { atMs: nowMs, health: this.#look() };
    return this.#last.health;
  }

  async #look(): Promise<DistributionHealth> {
    const facts = await this.#facts();
    const health = distributionHealth(facts);
    this.#history = [...this.#history, sampleOf(facts)].slice(-MAX_SAMPLES);
    this.#measure(health);
    return health;
  }

  async #facts(): Promise<HealthFacts> {
    const { status, db, redis, keys, registry, now } = this.#parts;
    const [read, backlog, memory, letters, schemas] = await Promise.all([
      status.read(),
      asked(redis.llen(keys.replay)),
      asked(redis.info('memory')),
      asked(recentDeadLetters(db)),
      asked(registry.latest('mds-health')), // no such subject: that is an answer too
    ]);
    return {
      nowMs: now(),
      status: read,
      history: this.#history,
      away: {
        redis: backlog.problem,
        postgres: letters.problem,
        registry: schemas.problem,
      },
      replayBacklog: backlog.found ?? null,
      redisMemory: memoryOf(memory.found ?? ''),
      recentDeadLetters: letters.found ?? null,
    };
  }

  #measure(health: DistributionHealth): void {
    this.#verdict.set(VERDICTS.indexOf(health.verdict));
    const all = [...health.reasons, ...health.topics.flatMap(({ reasons }) => reasons)];
    for (const rule of HEALTH_RULES) this.#reasons.set({ rule }, all.filter((one) => one.rule === rule).length);
  }
}

/** @param info answer of INFO memory @returns null when Redis has no limit */
export function memoryOf(info: string): HealthFacts['redisMemory'] {
  const numberOf = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  const [usedBytes, maxBytes] = [numberOf('used_memory'), numberOf('maxmemory')];
  return maxBytes === 0 ? null : { usedBytes, maxBytes };
}

async function asked<Found>(
  question: Promise<Found>,
): Promise<{ readonly found?: Found; readonly problem: string | null }> {
  try {
    return { found: await question, problem: null };
  } catch (error) {
    return { problem: reasonOf(error).replace(/\.$/, '') };
  }
}
