import t from 'tap';
import type { Redis } from '../../platform/redis.ts';
import { RedisClock } from '../../platform/redis-clock.ts';

t.test('it shows the time of Redis, whatever this machine believes, and goes on without Redis', async (t) => {
  let monotonicMs = 1000;
  let isAway = false;
  const redis = {
    time: async () => {
      if (isAway) throw new Error('away');
      monotonicMs += 10; // the way there and back
      return ['5000', '250000'];
    },
  };
  const clock = new RedisClock(redis as unknown as Redis, () => monotonicMs);
  t.ok(Math.abs(clock.nowMs() - Date.now()) < 1000, 'before the first answer: by this machine');
  await clock.sync();
  t.equal(clock.nowMs(), 5_000_255, 'asked in the middle of the way');
  isAway = true;
  monotonicMs += 3000;
  await clock.sync();
  t.equal(clock.nowMs(), 5_003_255);
});
