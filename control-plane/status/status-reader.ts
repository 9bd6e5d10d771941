// Gathers what GET /v1/status shows. Postgres and Redis are asked side by side and briefly; when one is away the answer
// says so and shows what was last known of it.

import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from '../../platform/redis.ts';
import type { ServiceStatus } from '../../schemas/api/status.ts';
import type { RedisKeys } from '../../schemas/coordination.ts';
import { reasonOf } from '../../schemas/errors.ts';
import type { PartitionOwnership } from '../ownership/handover.ts';
import { currentLeader } from '../store/leader.ts';
import { allPartitions } from '../store/partition-ownership.ts';
import type { Queryable } from '../store/queryable.ts';
import { allTopics } from '../store/topics.ts';
import { type Fleet, readFleet } from './fleet.ts';
import { type KnownTopic, serviceStatusOf } from './service-status.ts';

/** Both answer within milliseconds; whoever looks at the status rather sees a part of it than waits. */
const SOURCE_TIMEOUT_MS = 500;

export interface StatusSources {
  readonly db: Queryable;
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly version: string;
}

interface Metadata {
  readonly leaderId: string | null;
  readonly topics: readonly KnownTopic[];
  readonly ownership: readonly PartitionOwnership[];
}

export class StatusReader {
  readonly #sources: StatusSources;
  #lastMetadata: Metadata = { leaderId: null, topics: [], ownership: [] };

  constructor(sources: StatusSources) {
    this.#sources = sources;
  }

  async read(): Promise<ServiceStatus> {
    const { redis, keys, version } = this.#sources;
    const problems: string[] = [];
    const [metadata, fleet] = await Promise.all([
      withinTime('Postgres', this.#readMetadata()).catch((error: unknown) => {
        problems.push(`Postgres is away (${reasonOf(error)}); topics and owners are as last known.`);
        return { ...this.#lastMetadata, leaderId: null };
      }),
      withinTime('Redis', readFleet(redis, keys)).catch((error: unknown) => {
        problems.push(`Redis is away (${reasonOf(error)}); workers, edges and rates are not known.`);
        return NO_FLEET;
      }),
    ]);
    if (metadata.leaderId === null) problems.push('No control plane leads; partitions stay where they are.');
    const { workers, edges } = fleet;
    return serviceStatusOf({ version, ...metadata, workers, edges, problems: [...problems, ...fleet.problems] });
  }

  async #readMetadata(): Promise<Metadata> {
    const { db } = this.#sources;
    const [leaderId, rows, ownership] = await Promise.all([currentLeader(db), allTopics(db), allPartitions(db)]);
    const topics = rows.filter(({ state }) => state === 'ready');
    this.#lastMetadata = { leaderId, topics, ownership };
    return this.#lastMetadata;
  }
}

const NO_FLEET: Fleet = { workers: [], edges: [], expired: { workers: [], edges: [] }, problems: [] };

async function withinTime<Result>(source: string, work: Promise<Result>): Promise<Result> {
  const stop = new AbortController();
  const late = delay(SOURCE_TIMEOUT_MS, undefined, { signal: stop.signal }).then(() => {
    throw new Error(`${source} did not answer within ${SOURCE_TIMEOUT_MS} ms`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    stop.abort();
  }
}
