// What an operator may ask of an edge, against a Redis that only remembers.

import fastify from 'fastify';
import t from 'tap';
import type { App } from '../../../control-plane/api/app.ts';
import { edgeRoutes } from '../../../control-plane/api/routes/edges.ts';
import { compileValidator } from '../../../control-plane/api/validator.ts';
import type { Change } from '../../../control-plane/audit/change.ts';
import type { Redis } from '../../../platform/redis.ts';
import { type EdgeHeartbeat, redisKeys } from '../../../schemas/coordination.ts';
import { edgeControlKeys } from '../../../schemas/edge-control.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { anEdge } from '../builders.ts';

const keys = redisKeys('test');
const controlKeys = edgeControlKeys('test');

class RememberingRedis {
  readonly values = new Map<string, string>();
  readonly #edges: readonly EdgeHeartbeat[];

  constructor(edges: readonly EdgeHeartbeat[]) {
    this.#edges = edges;
    for (const edge of edges) this.values.set(keys.edge(edge.edgeId), JSON.stringify(edge));
  }

  smembers = async (key: string): Promise<string[]> => (key === keys.edges ? this.#edges.map((e) => e.edgeId) : []);
  mget = async (of: readonly string[]): Promise<(string | null)[]> => of.map((key) => this.values.get(key) ?? null);
  get = async (key: string): Promise<string | null> => this.values.get(key) ?? null;
  set = async (key: string, value: string): Promise<void> => void this.values.set(key, value);
}

async function setUp(...edges: readonly Partial<EdgeHeartbeat>[]) {
  const redis = new RememberingRedis(edges.map((edge) => anEdge(edge)));
  const app = fastify() as unknown as App;
  app.setValidatorCompiler(compileValidator);
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.setErrorHandler((error, _request, reply) => {
    const { code, status, message } = error instanceof MdsError ? error : { code: 'bug', status: 500, message: '' };
    return reply.code(status).send({ code, detail: message });
  });
  app.addSchema({ $id: 'Problem', type: 'object' });
  app.decorateRequest('change', { getter: () => ({}) as Change }); // nobody writes an audit log here
  edgeRoutes(app, { redis: redis as unknown as Redis, keys, controlKeys });
  await app.ready();
  const wish = (): unknown => JSON.parse(redis.values.get(controlKeys.evacuation('a')) ?? 'null');
  return { app, redis, wish };
}

t.test('an evacuation is wished of the edge, at 100 clients a second unless it is said', async (t) => {
  const { app, wish } = await setUp({ edgeId: 'a', connections: 7 }, { edgeId: 'b' }, { edgeId: 'c' });
  const answer = await app.inject({ method: 'POST', url: '/v1/edges/a/evacuate', payload: {} });
  t.equal(answer.statusCode, 202);
  t.same(answer.json(), { edgeId: 'a', clientsPerSecond: 100, connections: 7, otherEdges: 2 });
  t.same(wish(), { isWanted: true, clientsPerSecond: 100, isForced: false });
  await app.inject({ method: 'POST', url: '/v1/edges/a/evacuate', payload: { clientsPerSecond: 5 } });
  t.match(wish(), { clientsPerSecond: 5 });
  t.equal((await app.inject({ method: 'DELETE', url: '/v1/edges/a/evacuate' })).statusCode, 202);
  t.match(wish(), { isWanted: false });
});

t.test('an edge whose clients could go nowhere is not emptied, unless it is forced', async (t) => {
  const { app, wish } = await setUp({ edgeId: 'a' }, { edgeId: 'b', state: 'draining' });
  const refused = await app.inject({ method: 'POST', url: '/v1/edges/a/evacuate', payload: {} });
  t.match(refused.json(), { code: 'MDS_NO_OTHER_EDGE' });
  t.equal(refused.statusCode, 409);
  t.equal(wish(), null);
  const forced = await app.inject({ method: 'POST', url: '/v1/edges/a/evacuate', payload: { force: true } });
  t.equal(forced.statusCode, 202);
  t.match(wish(), { isForced: true });
});

t.test('an edge that does not run is unknown, with the one that may be meant', async (t) => {
  const { app } = await setUp({ edgeId: 'edge-1-abcdef' });
  for (const url of ['/v1/edges/edge-1/slow-clients', '/v1/edges/edge-1-abcdex/slow-clients']) {
    const answer = await app.inject(url);
    t.equal(answer.statusCode, 404);
    t.match(answer.json(), { code: 'MDS_EDGE_UNKNOWN', detail: /did you mean edge-1-abcdef\?/ });
  }
});

t.test('slow clients are what the edge has written; nothing yet is an empty list', async (t) => {
  const { app, redis } = await setUp({ edgeId: 'a' });
  t.same((await app.inject('/v1/edges/a/slow-clients')).json(), { edgeId: 'a', atMs: 0, items: [] });
  const list = { edgeId: 'a', atMs: 5, items: [] };
  redis.values.set(controlKeys.slowClients('a'), JSON.stringify(list));
  t.same((await app.inject('/v1/edges/a/slow-clients')).json(), list);
});
