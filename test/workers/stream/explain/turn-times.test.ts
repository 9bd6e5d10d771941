import t from 'tap';
import { fastestTurnsMs } from '../../../../workers/stream/explain/turn-times.ts';

/** Work on a clock that only work moves. */
function onClock(costMs: (workIndex: number, turn: number) => number) {
  let clockMs = 0;
  const turns = [0, 0];
  const repeatsSeen = new Set<number>();
  const work = turns.map((_, i) => (repeats: number) => {
    repeatsSeen.add(repeats);
    clockMs += costMs(i, turns[i] ?? 0) * repeats;
    turns[i] = (turns[i] ?? 0) + 1;
  });
  return { work, turns, repeatsSeen, nowMs: () => clockMs };
}

const TIMES = { warmMs: 10, measureMs: 50, settledMs: 20 };

t.test('disturbed turns do not count', async (t) => {
  const { work, nowMs } = onClock((i, turn) => (i === 0 ? 2 : 3) * (turn % 3 === 0 ? 5 : 1));
  t.same(fastestTurnsMs(work, nowMs, TIMES), [2, 3]);
});

t.test('short work is repeated until a turn can be timed', async (t) => {
  const { work, nowMs, repeatsSeen } = onClock(() => 0.004);
  const [first = 0, second = 0] = fastestTurnsMs(work, nowMs, TIMES);
  t.ok(Math.abs(first - 0.004) < 1e-6 && Math.abs(second - 0.004) < 1e-6);
  t.ok(Math.max(...repeatsSeen) >= 250);
});

t.test('it goes on while turns become faster, but not for ever', async (t) => {
  const late = onClock((_i, turn) => (turn < 40 ? 2 - turn * 0.04 : 0.4));
  t.ok((fastestTurnsMs(late.work, late.nowMs, TIMES)[0] ?? 9) < 0.41, 'compiled at last');
  const endless = onClock(() => 1);
  fastestTurnsMs(endless.work, endless.nowMs, { ...TIMES, settledMs: 1e9 });
  t.ok(endless.nowMs() < 10 + 50 * 4 + 10, `${endless.nowMs()} ms`);
});
