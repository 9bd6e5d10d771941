// One list over several edges: pages, filters, and edges that do not answer; against edges that only play along.

import { EventEmitter } from 'node:events';
import t from 'tap';
import { ConnectionDirectory, placeOf } from '../../../control-plane/connections/connection-directory.ts';
import { EdgeQuestions } from '../../../control-plane/connections/edge-questions.ts';
import { createLogger } from '../../../platform/log.ts';
import type { Redis } from '../../../platform/redis.ts';
import {
  type ConnectionAnswer,
  ConnectionQuestion,
  type ConnectionSummary,
  connectionKeys,
} from '../../../schemas/connection-control.ts';
import { readMessage, redisKeys } from '../../../schemas/coordination.ts';
import { anEdge } from '../builders.ts';

const keys = redisKeys('test');
const askKeys = connectionKeys('test');

const aSummary = (edgeId: string, number: number): ConnectionSummary => ({
  id: `${edgeId}/${number}`,
  edgeId,
  number,
  tenant: 'default',
  subject: 'open',
  peer: '',
  door: 'websocket',
  format: 'json',
  openedAtMs: 0,
  subscriptions: 0,
  topics: [],
  bufferedBytes: 0,
  sentBytes: 0,
  deliveredEvents: 0,
  latencyMs: null,
  worstBufferedBytes: 0,
  behindSinceMs: null,
});

/** Redis with edges behind it that answer from these lists. */
class PlayedRedis extends EventEmitter {
  readonly #edges: ReadonlyMap<string, readonly number[]>;
  readonly #deaf: ReadonlySet<string>;
  readonly asked: ConnectionQuestion[] = [];

  constructor(edges: Readonly<Record<string, readonly number[]>>, deaf: readonly string[]) {
    super();
    this.#edges = new Map(Object.entries(edges));
    this.#deaf = new Set(deaf);
  }

  subscribe = async (): Promise<void> => {};
  smembers = async (key: string): Promise<string[]> => (key === keys.edges ? [...this.#edges.keys()] : []);
  mget = async (of: readonly string[]): Promise<string[]> =>
    of.map((key) => JSON.stringify(anEdge({ edgeId: key.split(':').at(-1) ?? '' })));
  publish = async (_channel: string, text: string): Promise<void> => {
    const question = readMessage(ConnectionQuestion, text);
    this.asked.push(question);
    for (const edgeId of question.edgeIds) if (!this.#deaf.has(edgeId)) this.#answer(question, edgeId);
  };

  #answer({ requestId, ask }: ConnectionQuestion, edgeId: string): void {
    const numbers = this.#edges.get(edgeId) ?? [];
    const behind = ask.kind === 'list' && ask.after?.edgeId === edgeId ? ask.after.number : -1;
    const limit = ask.kind === 'list' ? ask.limit : 0;
    const listed = numbers.filter((number) => number > behind).slice(0, limit);
    const answer: ConnectionAnswer = {
      requestId,
      edgeId,
      items: listed.map((number) => aSummary(edgeId, number)),
      detail: null,
      disconnected: ask.kind === 'disconnect-all' ? numbers.length : 0,
    };
    setImmediate(() => this.emit('message', askKeys.told('cp'), JSON.stringify(answer)));
  }
}

async function aDirectory(edges: Readonly<Record<string, readonly number[]>>, deaf: readonly string[] = []) {
  const played = new PlayedRedis(edges, deaf);
  const redis = played as unknown as Redis;
  const log = createLogger('test', 'silent');
  const questions = new EdgeQuestions({ redis, answers: redis, keys: askKeys, replyTo: 'cp', log, timeoutMs: 50 });
  await questions.start();
  return { directory: new ConnectionDirectory({ redis, keys, questions }), played, questions };
}

const after = (id: string | null) => placeOf(id ?? '');

t.test('pages go through all edges in order and miss nothing', async (t) => {
  const { directory, played } = await aDirectory({ b: [5, 9], a: [2, 3, 4], c: [1] });
  const first = await directory.list({}, null, 2);
  t.same(
    first.items.map(({ id }) => id),
    ['a/2', 'a/3'],
  );
  const second = await directory.list({}, after(first.next), 3);
  t.same(
    second.items.map(({ id }) => id),
    ['a/4', 'b/5', 'b/9'],
  );
  const third = await directory.list({}, after(second.next), 3);
  t.same(
    third.items.map(({ id }) => id),
    ['c/1'],
  );
  t.equal(third.next, null);
  t.same(played.asked.at(-1)?.edgeIds, ['b', 'c'], 'edges before the place are left alone');
});

t.test('an edge that does not answer is named, and its connection is not said to be unknown', async (t) => {
  const { directory } = await aDirectory({ a: [1], b: [1] }, ['b']);
  t.match(await directory.list({}, null, 10), { items: [{ id: 'a/1' }], missingEdges: ['b'] });
  await t.rejects(directory.show({ edgeId: 'b', number: 1 }, null), { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
  await t.rejects(directory.show({ edgeId: 'a', number: 9 }, null), { code: 'MDS_NOT_FOUND' });
  await t.rejects(directory.disconnect({ edgeId: 'gone', number: 9 }, null, true), { code: 'MDS_NOT_FOUND' });
});

t.test('a filter for one edge asks only that one', async (t) => {
  const { directory, played } = await aDirectory({ a: [1], b: [1, 2] });
  t.match(await directory.disconnectAll({ edge: 'b', topic: 'orders' }, true), { disconnected: 2 });
  t.match(played.asked, [{ edgeIds: ['b'], ask: { kind: 'disconnect-all', filter: { topic: 'orders' } } }]);
});

t.test('more questions than are bearable are refused', async (t) => {
  const { questions } = await aDirectory({ a: [] }, ['a']);
  const ask = () => questions.ask(['a'], { kind: 'show', number: 1, tenant: null });
  const results = await Promise.allSettled(Array.from({ length: 33 }, ask));
  t.equal(results.filter(({ status }) => status === 'rejected').length, 1);
  t.match(results.at(-1), { reason: { code: 'MDS_EDGES_BUSY' } });
});

t.test('a place is an edge and a number, whatever the edge is called', async (t) => {
  t.same(placeOf('edge-1/7'), { edgeId: 'edge-1', number: 7 });
  for (const text of ['', '/', '/7', 'edge', 'edge/x', 'edge/-1']) t.equal(placeOf(text), null, text);
});
