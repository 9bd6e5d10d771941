// The catalog in Redis: what workers and edges need to know of topics, so that they never ask the control plane.

import type { Redis } from '../../platform/redis.ts';
import type { CatalogTopic, RedisKeys } from '../../schemas/coordination.ts';
import type { TopicRow } from '../store/topics.ts';
import { deadLetterTopicOf } from './topic-names.ts';

/** @param inUse ids of topics of which somebody still owns a partition */
export function catalogOf(topics: readonly TopicRow[], inUse: ReadonlySet<number>): Map<string, string> {
  const catalog = new Map<string, string>();
  for (const row of topics) {
    if (row.schemaId === null || row.state === 'creating') continue;
    // A topic that is being deleted stays until its owners have let go of it: they read its name here.
    if (row.state === 'deleting' && !inUse.has(row.topicId)) continue;
    const entry: CatalogTopic = {
      topicId: row.topicId,
      tenant: row.tenant,
      name: row.name,
      kafkaTopic: row.kafkaTopic,
      deadLetterTopic: deadLetterTopicOf(row.tenant),
      partitions: row.partitions,
      schemaId: row.schemaId,
      schema: row.schemaJson,
      ...(row.batchSchemaId === null ? {} : { batchSchemaId: row.batchSchemaId }),
    };
    catalog.set(String(row.topicId), JSON.stringify(entry));
  }
  return catalog;
}

/** Writes what differs (after a restart of Redis: everything). @returns true when something did */
export async function writeCatalog(
  redis: Redis,
  keys: RedisKeys,
  catalog: ReadonlyMap<string, string>,
): Promise<boolean> {
  const present = await redis.hgetall(keys.catalog);
  const changed = [...catalog].filter(([field, text]) => present[field] !== text);
  const gone = Object.keys(present).filter((field) => !catalog.has(field));
  if (changed.length === 0 && gone.length === 0) return false;
  const multi = redis.multi();
  if (changed.length > 0) multi.hset(keys.catalog, Object.fromEntries(changed));
  if (gone.length > 0) multi.hdel(keys.catalog, ...gone);
  multi.publish(keys.notifyCatalog, '');
  await multi.exec();
  return true;
}
