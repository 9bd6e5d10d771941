// Who is served when several replay requests wait, with a list in place of Redis and a runner that only notes its calls.

import t from 'tap';
import { createLogger } from '../../../../platform/log.ts';
import type { Redis } from '../../../../platform/redis.ts';
import { type ReplayRequest, redisKeys } from '../../../../schemas/coordination.ts';
import { ReplayServer } from '../../../../workers/stream/replay/replay-server.ts';
import { until } from '../../../integration/harness/until.ts';

const log = createLogger('test', 'silent');

class ListRedis {
  readonly list: string[] = [];
  #isClosed = false;

  async brpop(key: string): Promise<[string, string] | null> {
    while (!this.#isClosed && this.list.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    if (this.#isClosed) throw new Error('closed');
    return [key, this.list.pop() ?? ''];
  }

  async rpop(_key: string, count: number): Promise<string[] | null> {
    return this.list.length === 0 ? null : this.list.splice(-count).reverse();
  }

  async rpush(_key: string, ...texts: string[]): Promise<void> {
    this.list.push(...texts);
  }

  async lrange(_key: string, from: number): Promise<string[]> {
    return this.list.slice(from);
  }

  disconnect(): void {
    this.#isClosed = true;
  }
}

const text = (requestId: number, from: number, to: number, given: Partial<ReplayRequest> = {}): string =>
  JSON.stringify({
    edgeId: 'e',
    requestId,
    topicId: 1,
    channels: [{ channel: '0'.repeat(32), plan: null }],
    ranges: [{ partition: requestId, from: [from, 0], to: [to, 0] }],
    maxBytes: 1,
    deadlineMs: 1000,
    ...given,
  });

t.test('what is not answered now goes back in its order, and is answered after', async (t) => {
  const redis = new ListRedis();
  const runs: number[][] = [];
  const outcomes: unknown[] = [];
  const server = new ReplayServer({
    redis: redis as unknown as Redis,
    keys: redisKeys('t'),
    runner: {
      run: async (requests) => {
        runs.push(requests.map(({ requestId }) => requestId));
        return requests.map(() => 'done');
      },
    },
    log,
    now: () => 500,
    answered: (...outcome) => outcomes.push(outcome),
  });
  // The end of the list waits longest.
  redis.list.push(text(4, 0, 900_000), text(3, 0, 10), text(9, 0, 10, { deadlineMs: 400 }), text(2, 0, 800_000), 'x');
  server.start();
  await until('all answers', 10_000, () => runs.length === 3);
  await server.stop();
  t.same(runs, [[3], [2], [4]]);
  t.same(outcomes.slice(0, 3), [
    ['refused', 1],
    ['late', 1],
    ['done', 1, 0],
  ]);
});

t.test('a long reading is told when a short request comes', async (t) => {
  const redis = new ListRedis();
  const yielded = Promise.withResolvers<void>();
  const ran: number[] = [];
  const server = new ReplayServer({
    redis: redis as unknown as Redis,
    keys: redisKeys('t'),
    runner: {
      run: async ([request], mustYield) => {
        ran.push(request?.requestId ?? -1);
        if (ran.length > 1) return ['done'];
        t.notOk(mustYield());
        redis.list.push(text(2, 0, 900_000));
        redis.list.push(text(3, 0, 10));
        await until('the word', 10_000, mustYield);
        yielded.resolve();
        return ['done'];
      },
    },
    log,
    now: () => 500,
    answered: () => {},
  });
  redis.list.push(text(1, 0, 900_000));
  server.start();
  await yielded.promise;
  await until('the rest', 10_000, () => ran.length === 3);
  await server.stop();
  t.same(ran, [1, 3, 2]);
});
