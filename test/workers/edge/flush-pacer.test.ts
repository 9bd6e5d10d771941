import t from 'tap';
import { FlushPacer } from '../../../workers/edge/flush-pacer.ts';

function setUp() {
  const world = { nowMs: 0, waits: [] as (number | 'reading')[], actions: [] as (() => void)[] };
  const wait = (what: number | 'reading', action: () => void): void => {
    world.waits.push(what);
    world.actions.push(action);
  };
  const pacer = new FlushPacer({
    now: () => world.nowMs,
    afterReading: (action) => wait('reading', action),
    after: (delayMs, action) => wait(delayMs, action),
  });
  /** Plans a flush that takes so long, and lets it happen. */
  const flush = (tookMs: number): void => {
    pacer.plan(() => {
      world.nowMs += tookMs;
    });
    world.actions.pop()?.();
  };
  return { world, flush };
}

t.test('an edge with little to do flushes as soon as everything is read', async (t) => {
  const { world, flush } = setUp();
  for (let i = 0; i < 3; i++) flush(0.1);
  t.same(world.waits, ['reading', 'reading', 'reading']);
});

t.test('after a costly flush it rests as long, but never longer than 5 ms', async (t) => {
  const { world, flush } = setUp();
  flush(2);
  flush(30);
  flush(0.1);
  t.same(world.waits, ['reading', 2, 5]);
});

t.test('time that has passed by itself counts as rest', async (t) => {
  const { world, flush } = setUp();
  flush(4);
  world.nowMs += 3;
  flush(4);
  world.nowMs += 10;
  flush(4);
  t.same(world.waits, ['reading', 1, 'reading']);
});
