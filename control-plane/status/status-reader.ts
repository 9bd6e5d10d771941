// Gathers what GET /v1/status shows. Postgres and Redis are asked side by side and briefly; when one is away the answer
// says so and shows what the other knows.

import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from '../../platform/redis.ts';
import type { ServiceStatus } from '../../schemas/api/status.ts';
import type { AuditKeys } from '../../schemas/audit.ts';
import { CatalogTopic, type RedisKeys, readMessage } from '../../schemas/coordination.ts';
import { reasonOf } from '../../schemas/errors.ts';
import { currentLeader } from '../store/leader.ts';
import { allPartitions } from '../store/partition-ownership.ts';
import type { Queryable } from '../store/queryable.ts';
import { allTopics } from '../store/topics.ts';
import { type Fleet, readFleet } from './fleet.ts';
import { NO_RELIABILITY, readReliability } from './reliability.ts';
import { type Metadata, reportedMetadata, serviceStatusOf } from './service-status.ts';

/** Both answer within milliseconds; whoever looks at the status rather sees a part of it than waits. */
const SOURCE_TIMEOUT_MS = 500;

export interface StatusSources {
  readonly db: Queryable;
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly auditKeys: AuditKeys;
  readonly version: string;
}

export class StatusReader {
  readonly #sources: StatusSources;

  constructor(sources: StatusSources) {
    this.#sources = sources;
  }

  async read(): Promise<ServiceStatus> {
    const { redis, keys, auditKeys, version } = this.#sources;
    const [metadata, fleet, catalog, audited] = await Promise.all([
      asked('Postgres', this.#readMetadata()),
      asked('Redis', readFleet(redis, keys)),
      asked('Redis', readCatalog(redis, keys)),
      asked('Redis', readReliability(redis, auditKeys, Date.now())),
    ]);
    const problems: string[] = [];
    if (!metadata.ok)
      problems.push(`Postgres is away (${metadata.reason}); topics and owners are what workers report.`);
    if (!fleet.ok) problems.push(`Redis is away (${fleet.reason}); workers, edges and rates are not known.`);
    const { workers, edges, problems: unreadable } = fleet.ok ? fleet.found : NO_FLEET;
    const known = metadata.ok ? metadata.found : reportedMetadata(catalog.ok ? catalog.found : [], workers);
    if (known.leaderId === null) problems.push('No control plane leads; partitions stay where they are.');
    const reliability = audited.ok ? audited.found : NO_RELIABILITY;
    return serviceStatusOf({ version, ...known, workers, edges, reliability, problems: [...problems, ...unreadable] });
  }

  async #readMetadata(): Promise<Metadata> {
    const { db } = this.#sources;
    const [leaderId, rows, ownership] = await Promise.all([currentLeader(db), allTopics(db), allPartitions(db)]);
    return { leaderId, topics: rows.filter(({ state }) => state === 'ready'), ownership };
  }
}

async function readCatalog(redis: Redis, keys: RedisKeys): Promise<CatalogTopic[]> {
  const texts = await redis.hvals(keys.catalog);
  return texts.map((text) => readMessage(CatalogTopic, text));
}

const NO_FLEET: Fleet = { workers: [], edges: [], expired: { workers: [], edges: [] }, problems: [] };

type Asked<Result> = { readonly ok: true; readonly found: Result } | { readonly ok: false; readonly reason: string };

async function asked<Result>(source: string, work: Promise<Result>): Promise<Asked<Result>> {
  const stop = new AbortController();
  const late = delay(SOURCE_TIMEOUT_MS, undefined, { signal: stop.signal }).then((): never => {
    throw new Error(`${source} did not answer within ${SOURCE_TIMEOUT_MS} ms`);
  });
  try {
    return { ok: true, found: await Promise.race([work, late]) };
  } catch (error) {
    return { ok: false, reason: reasonOf(error) };
  } finally {
    stop.abort();
  }
}
