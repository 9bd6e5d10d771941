// Work that clients cause gets a part of the event loop, and tenants take turns.

import fc from 'fast-check';
import t from 'tap';
import { FairQueue } from '../../../../workers/edge/tenants/fair-queue.ts';
import { Turns } from '../../../../workers/edge/tenants/turns.ts';

t.test('everybody is asked in turn, and each in its own order', async (t) => {
  const queue = new FairQueue<string>();
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) queue.push(item.slice(0, 1), item);
  t.equal(queue.size, 6);
  t.same(
    [1, 2, 3, 4].map(() => queue.shift()),
    ['a1', 'b1', 'c1', 'a2'],
  );
  queue.push('b', 'b2');
  t.same(
    [1, 2, 3, 4].map(() => queue.shift()),
    ['c2', 'a3', 'b2', undefined],
  );
  t.equal(queue.size, 0);
});

t.test('whoever puts in what, nobody waits for more than one piece of each other', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 100 }), (keys) => {
      const queue = new FairQueue<string>();
      for (const key of keys) queue.push(key, key);
      queue.push('late', 'late');
      const out: string[] = [];
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) out.push(item);
      return out.length === keys.length + 1 && out.indexOf('late') <= new Set(keys).size;
    }),
  );
  t.pass();
});

function aLoop(workMs?: number) {
  const loop = { nowMs: 0, log: [] as string[], planned: [] as (() => void)[] };
  const turns = new Turns({
    ...(workMs === undefined ? {} : { workMs }),
    now: () => loop.nowMs,
    later: (delayMs, run) => {
      loop.planned.push(() => {
        loop.nowMs += delayMs;
        run();
      });
    },
  });
  const work = (name: string, costMs: number) => () => {
    loop.nowMs += costMs;
    loop.log.push(`${name}@${loop.nowMs}`);
  };
  return { loop, turns, work };
}

t.test('work is done at once while there is time for it', async (t) => {
  const { loop, turns, work } = aLoop();
  t.equal(turns.take('a', work('a', 1)), true);
  t.equal(turns.take('b', work('b', 1)), true);
  t.same(loop.log, ['a@1', 'b@2']);
  t.equal(turns.waitingCount, 0);
});

t.test('nobody waits where there is nobody to be protected', async (t) => {
  const { loop, turns, work } = aLoop(Number.POSITIVE_INFINITY);
  for (let i = 0; i < 100; i++) t.equal(turns.take('only', work(`${i}`, 1)), true);
  t.equal(loop.nowMs, 100);
});

t.test('a flood waits for later windows, and does not keep others waiting', async (t) => {
  const { loop, turns, work } = aLoop();
  for (let i = 0; i < 100; i++) turns.take('flood', work(`flood${i}`, 1));
  t.equal(loop.log.length, 2, 'two milliseconds of this window');
  t.equal(turns.take('quiet', work('quiet', 1)), false);
  t.equal(loop.planned.length, 1);
  loop.planned.shift()?.();
  t.ok(loop.log.includes('quiet@14'), loop.log.join());
  t.equal(loop.log.length, 4);
  while (loop.planned.length > 0) loop.planned.shift()?.();
  t.equal(loop.log.length, 101);
  t.ok(loop.nowMs >= (101 / 2) * 10, 'a fifth of the time, or less');
});
