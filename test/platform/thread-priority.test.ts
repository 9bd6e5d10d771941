import { once } from 'node:events';
import { getPriority } from 'node:os';
import { Worker } from 'node:worker_threads';
import t from 'tap';

t.test('one thread leaves cores to others, and the thread that started it does not', async (t) => {
  const before = getPriority();
  const worker = new Worker(new URL('fixtures/low-priority-thread.ts', import.meta.url));
  t.teardown(() => worker.terminate());
  const [{ isLowered, threadId }]: [{ isLowered: boolean; threadId: number }] = (await once(
    worker,
    'message',
  )) as never;
  t.equal(isLowered, true);
  t.equal(getPriority(threadId), 10);
  t.equal(getPriority(process.pid), before);
});
