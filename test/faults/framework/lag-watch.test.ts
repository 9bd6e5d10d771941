// A partition is as far behind as its oldest event that nobody has been handed.

import t from 'tap';
import { TopicLag } from './lag-watch.ts';

interface At {
  readonly partition: number;
  readonly offset: number;
}

const aTopic = () => {
  const [produced, first, second]: [At[], At[], At[]] = [[], [], []];
  const load = { topic: { partitions: 2 }, producer: { produced } };
  const lag = new TopicLag(
    load,
    [first, second].map((received) => ({ subscriber: { received } })),
  );
  return { produced, first, second, lag };
};

t.test('a partition of which nothing comes is behind since its oldest event', async (t) => {
  const { produced, first, lag } = aTopic();
  produced.push({ partition: 0, offset: 0 }, { partition: 1, offset: 0 });
  t.equal(lag.lagMs(100), 0);
  produced.push({ partition: 1, offset: 1 });
  first.push({ partition: 0, offset: 0 });
  t.equal(lag.lagMs(150), 50, 'partition 1 waits since 100');
});

t.test('whoever is handed a later event stands for all before it', async (t) => {
  const { produced, second, lag } = aTopic();
  produced.push({ partition: 0, offset: 0 }, { partition: 0, offset: 1 }, { partition: 0, offset: 2 });
  lag.lagMs(100);
  second.push({ partition: 0, offset: 1 });
  t.equal(lag.lagMs(130), 30, 'offset 2 waits');
  second.push({ partition: 0, offset: 2 });
  t.equal(lag.lagMs(160), 0);
});
