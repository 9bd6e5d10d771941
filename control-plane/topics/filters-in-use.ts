// Which filters are in use on a topic, and which of them a new version of its schema would break: of durable subscriptions
// and routes (Postgres), and of clients that are connected (the edges' interest in Redis).

import type { Redis } from '../../platform/redis.ts';
import type { BrokenFilter } from '../../schemas/api/topic-management.ts';
import type { AvroRecord } from '../../schemas/avro/avro-type.ts';
import { INTEREST_SEQ_FIELD, Interest, type RedisKeys, readMessage } from '../../schemas/coordination.ts';
import { MdsError } from '../../schemas/errors.ts';
import { checkKey } from '../../schemas/plan/event-key.ts';
import { makePlan } from '../../schemas/plan/plan.ts';
import { readFleet } from '../status/fleet.ts';

export interface FilterInUse {
  readonly of: 'subscription' | 'route' | 'live';
  readonly name: string;
  readonly filter: string;
  readonly fields: readonly string[] | null;
  /** Of a consumer group. */
  readonly key: readonly string[] | null;
}

/** 5,000 different filters are tried within a second; who has more has not all of them tried, and is told. */
export const MAX_FILTERS = 5000;

/** @returns those that worked with the older schema and do not with the newer one */
export function brokenFilters(inUse: readonly FilterInUse[], older: AvroRecord, newer: AvroRecord): BrokenFilter[] {
  return inUse.flatMap((one) => {
    const problem = problemWith(one, newer);
    if (problem === null || problemWith(one, older) !== null) return [];
    const { of, name, filter } = one;
    return [{ of, name, filter, code: problem.code, message: problem.message }];
  });
}

function problemWith({ filter, fields, key }: FilterInUse, schema: AvroRecord): MdsError | null {
  try {
    makePlan({ filter, fields: fields ?? [] }, schema);
    if (key !== null) checkKey(key, schema, fields);
    return null;
  } catch (error) {
    if (error instanceof MdsError) return error;
    throw error;
  }
}

/**
 * Filters of clients that are connected now; equal ones once.
 *
 * @throws what ioredis throws when Redis is away
 */
export async function liveFilters(redis: Redis, keys: RedisKeys, topicId: number): Promise<FilterInUse[]> {
  const { edges } = await readFleet(redis, keys);
  const found = new Map<string, FilterInUse>();
  for (const { edgeId } of edges) {
    for (const [field, text] of Object.entries(await redis.hgetall(keys.interest(edgeId)))) {
      if (field === INTEREST_SEQ_FIELD || found.size >= MAX_FILTERS) continue;
      const interest = readMessage(Interest, text);
      const filter = interest.topicId === topicId ? filterOf(interest.plan) : null;
      if (filter !== null) found.set(JSON.stringify(filter), filter);
    }
  }
  return [...found.values()];
}

/** @param plan of an interest, which is read by whoever compiles it: only these parts are looked at here */
function filterOf(plan: unknown): FilterInUse | null {
  if (typeof plan !== 'object' || plan === null || !('filter' in plan) || typeof plan.filter !== 'string') return null;
  const fields = 'fields' in plan && Array.isArray(plan.fields) ? plan.fields.map(String) : null;
  return { of: 'live', name: '', filter: plan.filter, fields, key: null };
}
