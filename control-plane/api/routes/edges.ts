// /v1/edges/{id}: which clients are slow there, and sending its clients to the other edges before a shutdown. The edge
// itself reads the wish from Redis; GET /v1/edges shows how far it is.

import { Type } from 'typebox';
import { OPERATOR } from '../../../platform/http-door/access.ts';
import type { Redis } from '../../../platform/redis.ts';
import { Evacuation, EvacuationRequest } from '../../../schemas/api/edge.ts';
import { type EdgeHeartbeat, type RedisKeys, readMessage } from '../../../schemas/coordination.ts';
import {
  DEFAULT_CLIENTS_PER_SECOND,
  type EdgeControlKeys,
  EVACUATION_WISH_TTL_MS,
  type EvacuationWish,
  SlowClients,
} from '../../../schemas/edge-control.ts';
import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import { nearestName } from '../../../schemas/nearest-name.ts';
import { readFleet } from '../../status/fleet.ts';
import { type App, problemsOf } from '../app.ts';

const tags = ['edges'];
const ByEdge = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200 }) });

export interface EdgeRouteParts {
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly controlKeys: EdgeControlKeys;
}

export function edgeRoutes(app: App, parts: EdgeRouteParts): void {
  app.get(
    '/v1/edges/:id/slow-clients',
    {
      config: { access: OPERATOR },
      schema: {
        tags,
        summary: 'The clients of an edge that do not keep up, the slowest first',
        description: 'At most 20, some seconds old. What they cost only themselves: events shed, connections closed.',
        params: ByEdge,
        response: { 200: SlowClients, ...problemsOf('MDS_EDGE_UNKNOWN') },
      },
    },
    ({ params: { id } }) => asked(() => readSlowClients(parts, id)),
  );

  app.post(
    '/v1/edges/:id/evacuate',
    {
      config: { access: OPERATOR, audit: { action: 'evacuate', kind: 'edge', id: { param: 'id' } } },
      schema: {
        tags,
        summary: 'Send the clients of an edge to the other edges, so many a second, until it is empty',
        description:
          'The edge takes no new connections from then on, also when it is empty; nobody loses an event. Again: changes the rate.',
        params: ByEdge,
        body: EvacuationRequest,
        response: { 202: Evacuation, ...problemsOf('MDS_EDGE_UNKNOWN', 'MDS_NO_OTHER_EDGE') },
      },
    },
    async ({ params: { id }, body, change }, reply) => {
      const begun = await asked(() => evacuate(parts, id, body));
      change.after = { ...body, connections: begun.connections };
      return reply.code(202).send(begun);
    },
  );

  app.delete(
    '/v1/edges/:id/evacuate',
    {
      config: { access: OPERATOR, audit: { action: 'call off evacuation', kind: 'edge', id: { param: 'id' } } },
      schema: {
        tags,
        summary: 'Call an evacuation off: clients that are left stay, and new ones may come',
        params: ByEdge,
        response: { 202: Type.Object({ edgeId: Type.String() }), ...problemsOf('MDS_EDGE_UNKNOWN') },
      },
    },
    async ({ params: { id } }, reply) => reply.code(202).send(await asked(() => callOff(parts, id))),
  );
}

async function readSlowClients(parts: EdgeRouteParts, edgeId: string): Promise<SlowClients> {
  await liveEdge(parts, edgeId);
  const text = await parts.redis.get(parts.controlKeys.slowClients(edgeId));
  // An edge that has just started has not written any yet.
  return text === null ? { edgeId, atMs: 0, items: [] } : readMessage(SlowClients, text);
}

async function evacuate(parts: EdgeRouteParts, edgeId: string, request: EvacuationRequest): Promise<Evacuation> {
  const { clientsPerSecond = DEFAULT_CLIENTS_PER_SECOND, force: isForced = false } = request;
  const { edge, others } = await liveEdge(parts, edgeId);
  const otherEdges = others.filter(({ state }) => state === 'running').length;
  if (otherEdges === 0 && !isForced) throw new MdsError('MDS_NO_OTHER_EDGE', { edge: edgeId });
  await writeWish(parts, edgeId, { isWanted: true, clientsPerSecond, isForced });
  return { edgeId, clientsPerSecond, connections: edge.connections, otherEdges };
}

async function callOff(parts: EdgeRouteParts, edgeId: string): Promise<{ edgeId: string }> {
  await liveEdge(parts, edgeId);
  await writeWish(parts, edgeId, { isWanted: false, clientsPerSecond: DEFAULT_CLIENTS_PER_SECOND, isForced: false });
  return { edgeId };
}

async function writeWish({ redis, controlKeys }: EdgeRouteParts, edgeId: string, wish: EvacuationWish): Promise<void> {
  await redis.set(controlKeys.evacuation(edgeId), JSON.stringify(wish), 'PX', EVACUATION_WISH_TTL_MS);
}

/** @throws MdsError `MDS_EDGE_UNKNOWN` */
async function liveEdge(
  { redis, keys }: EdgeRouteParts,
  edgeId: string,
): Promise<{ readonly edge: EdgeHeartbeat; readonly others: readonly EdgeHeartbeat[] }> {
  const { edges } = await readFleet(redis, keys);
  const edge = edges.find((one) => one.edgeId === edgeId);
  if (edge) return { edge, others: edges.filter((one) => one !== edge) };
  const ids = edges.map((one) => one.edgeId);
  const didYouMean = nearestName(edgeId, ids) ?? ids.find((id) => id.startsWith(edgeId));
  const hint = didYouMean === undefined ? '' : ` (did you mean ${didYouMean}?)`;
  throw new MdsError('MDS_EDGE_UNKNOWN', { edge: edgeId, hint, ...(didYouMean === undefined ? {} : { didYouMean }) });
}

async function asked<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (cause) {
    if (cause instanceof MdsError) throw cause;
    throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Redis', reason: reasonOf(cause) }, { cause });
  }
}
