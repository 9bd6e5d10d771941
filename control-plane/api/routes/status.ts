// /v1/status and /v1/edges: what runs, and how it is doing.

import { ANYBODY } from '../../../platform/http-door/access.ts';
import type { Redis } from '../../../platform/redis.ts';
import { EdgeList, ServiceStatus } from '../../../schemas/api/status.ts';
import type { RedisKeys } from '../../../schemas/coordination.ts';
import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import { type Fleet, readFleet } from '../../status/fleet.ts';
import type { StatusReader } from '../../status/status-reader.ts';
import { edgesFor, statusFor } from '../../status/status-view.ts';
import { type App, problemsOf } from '../app.ts';

const tags = ['status'];

export function statusRoutes(app: App, status: StatusReader, redis: Redis, keys: RedisKeys): void {
  app.get(
    '/v1/status',
    {
      config: { access: ANYBODY("all of it as operator; else its tenant's topics, as far as some grant is for them") },
      schema: {
        tags,
        summary: 'The whole service at a glance: processes, owners, lag and rates',
        description: 'Always answers; what is not known at the moment is named in `problems`.',
        response: { 200: ServiceStatus, ...problemsOf() },
      },
    },
    async ({ identity }) => statusFor(identity, await status.read()),
  );

  app.get(
    '/v1/edges',
    {
      config: { access: ANYBODY('all edges, how busy they are as operator') },
      schema: {
        tags,
        summary: 'List the edges that clients can connect to',
        response: { 200: EdgeList, ...problemsOf() },
      },
    },
    async ({ identity }) => ({ items: edgesFor(identity, (await fleetOf(redis, keys)).edges) }),
  );
}

async function fleetOf(redis: Redis, keys: RedisKeys): Promise<Fleet> {
  try {
    return await readFleet(redis, keys);
  } catch (cause) {
    throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Redis', reason: reasonOf(cause) }, { cause });
  }
}
