// All workers and edges that are alive, as their heartbeats in Redis say.

import type { Static, TSchema } from 'typebox';
import type { Redis } from '../../platform/redis.ts';
import { EdgeHeartbeat, type RedisKeys, readMessage, WorkerHeartbeat } from '../../schemas/coordination.ts';
import { reasonOf } from '../../schemas/errors.ts';

export interface Fleet {
  readonly workers: readonly WorkerHeartbeat[];
  readonly edges: readonly EdgeHeartbeat[];
  /** Ids in the sets of which the heartbeat has expired. */
  readonly expired: { readonly workers: readonly string[]; readonly edges: readonly string[] };
  /** Heartbeats that cannot be read. */
  readonly problems: readonly string[];
}

/** @throws what ioredis throws when Redis is away */
export async function readFleet(redis: Redis, keys: RedisKeys): Promise<Fleet> {
  const [workerIds, edgeIds] = await Promise.all([redis.smembers(keys.workers), redis.smembers(keys.edges)]);
  workerIds.sort();
  edgeIds.sort();
  const heartbeatKeys = [...workerIds.map(keys.worker), ...edgeIds.map(keys.edge)];
  const texts = heartbeatKeys.length === 0 ? [] : await redis.mget(heartbeatKeys);
  const problems: string[] = [];
  const workers = readAll(WorkerHeartbeat, workerIds, texts.slice(0, workerIds.length), problems);
  const edges = readAll(EdgeHeartbeat, edgeIds, texts.slice(workerIds.length), problems);
  return {
    workers: workers.present,
    edges: edges.present,
    expired: { workers: workers.expired, edges: edges.expired },
    problems,
  };
}

function readAll<Schema extends TSchema>(
  schema: Schema,
  ids: readonly string[],
  texts: readonly (string | null)[],
  problems: string[],
): { readonly present: Static<Schema>[]; readonly expired: string[] } {
  const present: Static<Schema>[] = [];
  const expired: string[] = [];
  for (const [i, id] of ids.entries()) {
    const text = texts[i];
    if (typeof text !== 'string') {
      expired.push(id);
      continue;
    }
    try {
      present.push(readMessage(schema, text));
    } catch (error) {
      problems.push(`The heartbeat of ${id} cannot be read: ${reasonOf(error)}`);
    }
  }
  return { present, expired };
}
