// Shows in Redis that this edge lives and how much it does, and finds the other edges for clients that must leave.

import { hostname } from 'node:os';
import type { Logger } from '../../platform/log.ts';
import type { Redis } from '../../platform/redis.ts';
import {
  EdgeHeartbeat,
  type EvacuationProgress,
  HEARTBEAT_TTL_MS,
  type RedisKeys,
  readMessage,
} from '../../schemas/coordination.ts';
import { reasonOf } from '../../schemas/errors.ts';
import type { WindowSummary } from './latency-window.ts';
import type { Levels } from './telemetry.ts';

export interface HeartbeatIdentity {
  readonly edgeId: string;
  readonly httpUrl: string;
  readonly clientUrl: string;
  readonly startedAtMs: number;
}

/** Pure: what the heartbeat says. */
export function heartbeatOf(
  identity: HeartbeatIdentity,
  state: EdgeHeartbeat['state'],
  { connections, subscriptions, channels }: Pick<Levels, 'connections' | 'subscriptions' | 'channels'>,
  summary: WindowSummary,
  evacuation: EvacuationProgress | null,
  notReady: readonly string[] = [],
): EdgeHeartbeat {
  const levels = { connections, subscriptions, channels };
  const of = { host: hostname(), pid: process.pid, ...(notReady.length > 0 ? { notReady: [...notReady] } : {}) };
  const heartbeat = { ...identity, ...of, state, ...levels, ...summary };
  return evacuation === null ? heartbeat : { ...heartbeat, evacuation };
}

export async function writeHeartbeat(redis: Redis, keys: RedisKeys, heartbeat: EdgeHeartbeat): Promise<void> {
  await redis.set(keys.edge(heartbeat.edgeId), JSON.stringify(heartbeat), 'PX', HEARTBEAT_TTL_MS);
  await redis.sadd(keys.edges, heartbeat.edgeId);
}

export async function deleteHeartbeat(redis: Redis, keys: RedisKeys, edgeId: string): Promise<void> {
  await redis.del(keys.edge(edgeId));
  await redis.srem(keys.edges, edgeId);
}

/** @returns where clients of this edge may go: the other running edges, the emptiest first */
export async function otherEdges(redis: Redis, keys: RedisKeys, edgeId: string, log: Logger): Promise<EdgeHeartbeat[]> {
  const others = (await redis.smembers(keys.edges)).filter((id) => id !== edgeId);
  if (others.length === 0) return [];
  const running: EdgeHeartbeat[] = [];
  for (const text of await redis.mget(others.map((id) => keys.edge(id)))) {
    if (text === null) continue;
    try {
      const heartbeat = readMessage(EdgeHeartbeat, text);
      if (heartbeat.state === 'running') running.push(heartbeat);
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, "another edge's heartbeat cannot be read");
    }
  }
  return running.sort((a, b) => a.connections - b.connections);
}
