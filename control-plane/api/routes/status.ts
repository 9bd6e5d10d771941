// /v1/status and /v1/edges: what runs, and how it is doing.

import type { Redis } from '../../../platform/redis.ts';
import { EdgeList, ServiceStatus } from '../../../schemas/api/status.ts';
import type { RedisKeys } from '../../../schemas/coordination.ts';
import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import { type Fleet, readFleet } from '../../status/fleet.ts';
import type { StatusReader } from '../../status/status-reader.ts';
import { type App, problemsOf } from '../app.ts';

const tags = ['status'];

export function statusRoutes(app: App, status: StatusReader, redis: Redis, keys: RedisKeys): void {
  app.get(
    '/v1/status',
    {
      schema: {
        tags,
        summary: 'The whole service at a glance: processes, owners, lag and rates',
        description: 'Always answers; what is not known at the moment is named in `problems`.',
        response: { 200: ServiceStatus, ...problemsOf() },
      },
    },
    () => status.read(),
  );

  app.get(
    '/v1/edges',
    {
      schema: {
        tags,
        summary: 'List the edges that clients can connect to',
        response: { 200: EdgeList, ...problemsOf() },
      },
    },
    async () => {
      const { edges } = await fleetOf(redis, keys);
      return {
        items: edges.map(({ edgeId, clientUrl, state, connections, evacuation }) => {
          const summary = { edgeId, clientUrl, state, connections };
          return evacuation === undefined ? summary : { ...summary, evacuation };
        }),
      };
    },
  );
}

async function fleetOf(redis: Redis, keys: RedisKeys): Promise<Fleet> {
  try {
    return await readFleet(redis, keys);
  } catch (cause) {
    throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Redis', reason: reasonOf(cause) }, { cause });
  }
}
