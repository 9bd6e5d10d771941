// The dedupe window on a real Redis: who is told what of an id, over claims that are settled, left, taken over and forgotten.

import t from 'tap';
import { createLogger } from '../../../platform/log.ts';
import { connectRedis } from '../../../platform/redis.ts';
import { DedupeWindow } from '../../../workers/ingest/dedupe-window.ts';
import { acquireStack, createNamespace } from '../harness/stack.ts';
import { until } from '../harness/until.ts';

const LEASE_MS = 300;
const TIMEOUT_MS = 20_000;
const TOPIC = 1;
const events = (...ids: string[]) => ids.map((eventId, index) => ({ eventId, index }));
const afterLease = () => new Promise((resolve) => setTimeout(resolve, LEASE_MS + 50));

t.test('the dedupe window', async (t) => {
  const stack = await acquireStack();
  t.teardown(() => stack.release());
  const { id: prefix, env } = await createNamespace(stack);
  const redis = await connectRedis(env.MDS_REDIS_URL ?? '', { log: createLogger('test', 'silent'), name: 'test' });
  t.teardown(() => redis.disconnect());
  const window = new DedupeWindow(redis, prefix, 60_000, LEASE_MS);

  await t.test('a free id is claimed, and is busy for others until the lease has run out', async (t) => {
    t.same(await window.claim(TOPIC, events('a', 'b'), 'A'), new Map());
    t.same(await window.claim(TOPIC, events('c', 'a'), 'B'), new Map([[1, { kind: 'busy' }]]));
    t.same(await window.claim(2, events('a'), 'B'), new Map(), 'another topic has ids of its own');
  });

  await t.test('who takes a claim over is told of every one before it, however many died', async (t) => {
    await window.claim(TOPIC, events('x', 'd'), 'A');
    await afterLease();
    const second = await window.claim(TOPIC, events('d'), 'B');
    t.match(second.get(0), { kind: 'unsure', older: [{ claim: 'A', place: 1 }] });
    await afterLease();
    const third = (await window.claim(TOPIC, events('y', 'z', 'd'), 'C')).get(2);
    t.match(third, {
      kind: 'unsure',
      older: [
        { claim: 'B', place: 0 },
        { claim: 'A', place: 1 },
      ],
    });
    const [first] = [...second.values()];
    t.equal(
      third?.kind === 'unsure' && third.sinceMs,
      first?.kind === 'unsure' && first.sinceMs,
      'since the first one',
    );
  });

  await t.test('a settled claim tells where each of its events is, for all of them at once', async (t) => {
    const ids = Array.from({ length: 4500 }, (_, i) => (i === 9 ? 'ä€😀\n;,|'.repeat(50) : `e${i}`));
    t.equal((await window.claim(TOPIC, events(...ids), 'D')).size, 0);
    await window.settle(TOPIC, 'D', [
      { partition: 0, offset: 5, places: ids.map((_, i) => i).filter((i) => i % 2 === 0) },
      { partition: 1, offset: 9, places: ids.map((_, i) => i).filter((i) => i % 2 === 1 && i !== 7) },
      { partition: 1, offset: 3, places: [7], recordIndex: 17 },
    ]);
    const again = await window.claim(TOPIC, events(...ids), 'E');
    t.equal(again.size, 4500);
    t.same(again.get(4), { kind: 'done', cursor: { partition: 0, offset: 5, recordIndex: 2 } });
    t.same(again.get(7), { kind: 'done', cursor: { partition: 1, offset: 3, recordIndex: 17 } });
    t.same(again.get(4499), { kind: 'done', cursor: { partition: 1, offset: 9, recordIndex: 2248 } });
  });

  await t.test('what is left open stays to be looked for, while the rest of its claim is done', async (t) => {
    await window.claim(TOPIC, events('f', 'g'), 'F');
    await window.leaveOpen(TOPIC, 'F', [{ eventId: 'g', index: 1 }]);
    await window.settle(TOPIC, 'F', [{ partition: 0, offset: 1, places: [0] }]);
    await afterLease();
    const again = await window.claim(TOPIC, events('f', 'g'), 'G');
    t.match([again.get(0), again.get(1)], [{ kind: 'done' }, { kind: 'unsure', older: [{ claim: 'F', place: 1 }] }]);
  });

  await t.test('an id is remembered for a window, and not much longer', async (t) => {
    const short = new DedupeWindow(redis, `${prefix}-short`, 1000, LEASE_MS);
    await short.claim(TOPIC, events('h'), 'H');
    await short.settle(TOPIC, 'H', [{ partition: 0, offset: 1, places: [0] }]);
    await new Promise((resolve) => setTimeout(resolve, 900));
    t.match((await short.claim(TOPIC, events('h'), 'I')).get(0), { kind: 'done' });
    await until('it to be forgotten', TIMEOUT_MS, async () => (await redis.keys(`${prefix}-short:*`)).length === 0);
    t.equal((await short.claim(TOPIC, events('h'), 'J')).size, 0);
  });
});
