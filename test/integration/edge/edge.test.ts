// The edge with real sockets and a real Redis: what a client meets when all goes well.

import t from 'tap';
import { startEdgeUnderTest, TestClient, until } from './edge-harness.ts';

const edge = await startEdgeUnderTest();
edge.worker.run();
t.teardown(() => edge.stop());

t.test('a subscriber gets every event behind its start position, in order', async (t) => {
  const client = await TestClient.open(edge.url);
  const welcome = await client.next('welcome');
  t.equal(welcome.limits.subscriptions, 256);
  const subscribed = await client.subscribe('a', { filter: 'n >= 0' });
  t.equal(subscribed.partitions, 4);
  t.equal(subscribed.replaying, false);
  for (let n = 0; n < 400; n++) edge.worker.produce(n % 4, n);
  await until('all events', () => [...client.numbers().values()].flat().length >= 400);
  for (const [partition, numbers] of client.numbers()) {
    t.same(
      numbers,
      Array.from({ length: 100 }, (_, i) => i * 4 + partition),
    );
  }
  client.close();
});
