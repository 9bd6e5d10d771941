// Routes in Redis: what stream workers need to know of them, and what workers say of how they fare.

import type { Redis } from '../../platform/redis.ts';
import { readMessage } from '../../schemas/coordination.ts';
import { ROUTE_STATUS_TTL_MS, type RouteDefinition, type RouteKeys, RouteStatus } from '../../schemas/route.ts';
import type { RouteRow } from '../store/routes.ts';

/** @returns by route id, as JSON text */
export function routeDefinitionsOf(rows: readonly RouteRow[]): Map<string, string> {
  return new Map(
    rows.map((row) => {
      const { routeId, name, topicId, kafkaTopic, targetTopicId, targetKafkaTopic, plan, start } = row;
      const definition: RouteDefinition = {
        routeId,
        name,
        topicId,
        kafkaTopic,
        targetTopicId,
        targetKafkaTopic,
        plan,
        start: start.map(([partition, offset]) => [partition, offset]),
      };
      return [routeId, JSON.stringify(definition)];
    }),
  );
}

/** Writes what differs (after a restart of Redis: everything), and clears away what is gone. */
export async function writeRoutes(
  redis: Redis,
  keys: RouteKeys,
  definitions: ReadonlyMap<string, string>,
): Promise<void> {
  const present = await redis.hgetall(keys.definitions);
  const changed = [...definitions].filter(([routeId, text]) => present[routeId] !== text);
  const gone = Object.keys(present).filter((routeId) => !definitions.has(routeId));
  if (changed.length === 0 && gone.length === 0) return;
  const multi = redis.multi();
  if (changed.length > 0) multi.hset(keys.definitions, Object.fromEntries(changed));
  if (gone.length > 0) {
    multi.hdel(keys.definitions, ...gone);
    multi.del(...gone.map((routeId) => keys.status(routeId)));
  }
  multi.publish(keys.notify, '');
  await multi.exec();
}

/** Workers that run the route now. */
export async function readRouteStatus(
  redis: Redis,
  keys: RouteKeys,
  routeId: string,
  nowMs: number,
): Promise<RouteStatus[]> {
  const texts = Object.values(await redis.hgetall(keys.status(routeId)));
  return texts
    .map((text) => readMessage(RouteStatus, text))
    .filter(({ atMs }) => nowMs - atMs < ROUTE_STATUS_TTL_MS)
    .sort((a, b) => (a.workerId < b.workerId ? -1 : 1));
}
