import t from 'tap';
import { backoffMs, type RetryClock, retry } from '../../platform/retry.ts';

/** Time that passes only while somebody sleeps; `random` always gives its upper end. */
function fakeClock(random = 1): RetryClock & { readonly sleptMs: number[] } {
  const sleptMs: number[] = [];
  let nowMs = 0;
  return {
    sleptMs,
    now: () => nowMs,
    random: () => random,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      sleptMs.push(ms);
      nowMs += ms;
    },
  };
}

const failing = (times: number) => {
  let calls = 0;
  const operation = async () => {
    calls++;
    if (calls <= times) throw new Error(`failure ${calls}`);
    return calls;
  };
  return operation;
};

t.test('waits double up to their bound, and are spread over all of it', async (t) => {
  const clock = fakeClock();
  t.equal(await retry(failing(5), { attempts: 'forever', baseMs: 100, maxMs: 1000, clock }), 6);
  t.strictSame(clock.sleptMs, [100, 200, 400, 800, 1000]);
  t.equal(
    backoffMs(3, { baseMs: 100, maxMs: 1000 }, () => 0.25),
    200,
  );
  t.equal(
    backoffMs(0, { baseMs: 100, maxMs: 1000 }, () => 0),
    0,
  );
  const waitMs = backoffMs(2, { baseMs: 100, maxMs: 1000 });
  t.ok(waitMs >= 0 && waitMs < 400);
});

t.test('a wait stays a number however many attempts there were', async (t) => {
  t.equal(
    backoffMs(100_000, { baseMs: 100, maxMs: 1000 }, () => 0),
    0,
  );
  t.equal(
    backoffMs(100_000, { baseMs: 100, maxMs: 1000 }, () => 1),
    1000,
  );
});

t.test('the last error is thrown when the attempts are used up', async (t) => {
  const clock = fakeClock();
  await t.rejects(retry(failing(9), { attempts: 3, baseMs: 1, maxMs: 1, clock }), { message: 'failure 3' });
  t.equal(clock.sleptMs.length, 2);
});

t.test('the last error is thrown before a wait would pass the time limit', async (t) => {
  const clock = fakeClock();
  const options = { attempts: 'forever', baseMs: 100, maxMs: 1000, timeoutMs: 350, clock } as const;
  await t.rejects(retry(failing(9), options), { message: 'failure 3' });
  t.strictSame(clock.sleptMs, [100, 200]);
});

t.test('an error that cannot be mended is thrown at once', async (t) => {
  const clock = fakeClock();
  const options = { attempts: 9, baseMs: 1, maxMs: 1, isRetryable: () => false, clock };
  await t.rejects(retry(failing(9), options), { message: 'failure 1' });
  t.equal(clock.sleptMs.length, 0);
});

t.test('each wait is announced with its error', async (t) => {
  const seen: unknown[] = [];
  await retry(failing(2), {
    attempts: 5,
    baseMs: 10,
    maxMs: 10,
    isRetryable: () => true,
    clock: fakeClock(),
    onRetry: (error, attempt, waitMs) => seen.push([String(error), attempt, waitMs]),
  });
  t.strictSame(seen, [
    ['Error: failure 1', 0, 10],
    ['Error: failure 2', 1, 10],
  ]);
});

t.test('a signal ends the waiting with its own reason', async (t) => {
  const controller = new AbortController();
  const reason = new Error('stop it');
  const waiting = retry(failing(9), {
    attempts: 'forever',
    baseMs: 60_000,
    maxMs: 60_000,
    signal: controller.signal,
    onRetry: () => setImmediate(() => controller.abort(reason)),
  });
  await t.rejects(waiting, reason);
  await t.rejects(retry(failing(0), { attempts: 1, baseMs: 1, maxMs: 1, signal: controller.signal }), reason);
});

t.test('a clock that fails is not taken for a signal', async (t) => {
  const clock = { ...fakeClock(), sleep: () => Promise.reject(new Error('the clock is broken')) };
  await t.rejects(retry(failing(1), { attempts: 2, baseMs: 1, maxMs: 1, clock }), { message: 'the clock is broken' });
});

t.test('the real clock waits and goes on', async (t) => {
  t.equal(await retry(failing(1), { attempts: 2, baseMs: 1, maxMs: 1 }), 2);
});
