// The ways in which a subscription hands out: one by one, batches, callbacks; and how each of them ends.

import t from 'tap';
import type { EventBatch } from '../../../client/library/index.ts';
import { anEventsFrame, aSubscribed, settle } from './fake-runtime.ts';
import { aGap, aLiveSubscription, anOpenClient, type Numbered, offsetOf } from './open-client.ts';

t.test('batches hand out what is left of a batch that was begun one by one', async (t) => {
  const { client, give, next, subscription } = await aLiveSubscription();
  give(anEventsFrame([1, 2, 3]), anEventsFrame([4]));
  await next();
  const batches = subscription.batches();
  const rest: EventBatch<Numbered> = (await batches.next()).value;
  t.same(
    rest.events.map(({ data }) => data.n),
    [2, 3],
  );
  t.same(
    [rest.from, rest.to],
    [
      { offset: 1, index: 0 },
      { offset: 3, index: 0 },
    ],
  );
  const whole: EventBatch<Numbered> = (await batches.next()).value;
  t.same([whole.partition, whole.from.offset, whole.to.offset], [0, 3, 4]);
  t.equal(offsetOf(subscription.token), 4);
  client.close();
});

t.test('leaving the loop unsubscribes and drops what was not read', async (t) => {
  const { client, give, socket, subscription } = await aLiveSubscription();
  give(anEventsFrame([1, 2]));
  for await (const { data } of subscription) {
    t.equal(data.n, 1);
    break;
  }
  t.match(socket().sent.at(-1), { type: 'unsubscribe', id: socket().lastSubscribe().id });
  t.equal(subscription.state, 'ended');
  t.equal(offsetOf(subscription.token), 1);
  t.same(await subscription.batches().next(), { done: true, value: undefined });
  give(anEventsFrame([3]), { type: 'unsubscribed', id: socket().lastSubscribe().id });
  t.equal(subscription.bufferedEvents, 0);
  client.close();
});

t.test('closing the client ends a waiting loop', async (t) => {
  const { client, iterator } = await aLiveSubscription();
  const waiting = iterator.next();
  client.close();
  t.same(await waiting, { done: true, value: undefined });
});

t.test('callbacks get batches one after the other, gaps between them, and the end', async (t) => {
  const { client, give, socket } = await anOpenClient();
  const seen: unknown[] = [];
  let release = (): void => undefined;
  const subscription = client.subscribe<Numbered>(
    { topic: 'host.metrics' },
    {
      onEvents: ({ events }) => {
        seen.push(events.map(({ data }) => data.n));
        return new Promise((resolve) => {
          release = resolve;
        });
      },
      onGap: ({ to }) => seen.push(`gap to ${to.offset}`),
      onEnd: (error) => seen.push(error),
    },
  );
  const { id } = socket().lastSubscribe();
  give(aSubscribed(id), anEventsFrame([1, 2]), aGap(id, 2, 5), anEventsFrame([6]));
  await settle();
  t.same(seen, [[1, 2]], 'the second batch waits for the first');
  t.equal(offsetOf(subscription.token), 2);
  release();
  await settle();
  t.same(seen, [[1, 2], 'gap to 5', [6]]);
  release();
  subscription.unsubscribe();
  await settle();
  t.same(seen.at(-1), null);
  client.close();
});

t.test('a callback that throws ends its subscription with that error', async (t) => {
  const { client, give, socket } = await anOpenClient();
  const boom = new Error('boom');
  for (const place of ['onEvents', 'onGap']) {
    let ended: unknown;
    const fail = (): never => {
      throw boom;
    };
    const nothing = (): void => undefined;
    const handlers = { onEvents: nothing, onGap: nothing, [place]: fail, onEnd: (error: unknown) => (ended = error) };
    const subscription = client.subscribe({ topic: 'host.metrics' }, handlers);
    const { id } = socket().lastSubscribe();
    give(aSubscribed(id), place === 'onGap' ? aGap(id, 0, 5) : anEventsFrame([1]));
    await settle();
    t.equal(ended, boom);
    t.equal(subscription.state, 'ended');
  }
  client.close();
});
