// What a subscription is told between its events: gaps, and what the edge left out by the subscription's own policy.

import t from 'tap';
import type { Gap } from '../../../client/library/index.ts';
import { anEventsFrame, aSubscribed, aToken } from './fake-runtime.ts';
import { aGap, aLiveSubscription, aShed, offsetOf } from './open-client.ts';

t.test('a gap is told in its place between the events', async (t) => {
  const told: (number | Gap)[] = [];
  const { client, give, socket, next, subscription } = await aLiveSubscription({ onGap: (gap) => told.push(gap) });
  const { id } = socket().lastSubscribe();
  give(anEventsFrame([1]), aGap(id, 1, 5), aGap(id, 1, 5), anEventsFrame([6]));
  told.push((await next()) ?? -1);
  t.equal(offsetOf(subscription.token), 1);
  told.push((await next()) ?? -1);
  t.match(told, [1, { partition: 0, from: { offset: 1 }, to: { offset: 5 }, code: 'MDS_REPLAY_EXPIRED' }, 6]);
  t.equal(told.length, 3, 'the same gap is told once');
  client.close();
});

t.test('without anyone to tell, iterating throws at a gap and may go on behind it', async (t) => {
  const { client, give, socket, next } = await aLiveSubscription();
  give(aGap(socket().lastSubscribe().id, 0, 5), anEventsFrame([6]));
  await t.rejects(next(), { code: 'MDS_REPLAY_EXPIRED', message: 'Kafka no longer has it.', details: { gap: {} } });
  t.equal(await next(), 6);
  client.close();
});

t.test('a gap that begins in what was received is told from there', async (t) => {
  const told: number[] = [];
  const { client, give, socket, next } = await aLiveSubscription({ onGap: ({ from }) => told.push(from.offset) });
  give(anEventsFrame([1, 2, 3]), aGap(socket().lastSubscribe().id, 1, 9), anEventsFrame([10]));
  t.same([await next(), await next(), await next(), await next()], [1, 2, 3, 10]);
  t.same(told, [3]);
  client.close();
});

t.test('overflow, key and rate are asked for, also after a reconnect', async (t) => {
  const asked = { overflow: 'latest', key: ['host', 'labels.core'], maxRate: 2.5 } as const;
  const { client, socket, reopen } = await aLiveSubscription(asked);
  t.match(socket().lastSubscribe(), asked);
  socket().drop();
  await reopen();
  t.match(socket().lastSubscribe(), asked);
  client.close();
});

t.test('what the edge left out is told in its place, ranges of one kind as one', async (t) => {
  const told: unknown[] = [];
  const { client, give, socket, next, subscription, states } = await aLiveSubscription({
    onShed: ({ from, to, count, reason }) => told.push(`${from.offset}-${to.offset} ${count} ${reason}`),
  });
  const { id } = socket().lastSubscribe();
  give(anEventsFrame([1]), aShed(id, 1, 3, 2), { type: 'position', id, token: aToken(3) }, aShed(id, 3, 4, 1));
  give(aShed(id, 4, 9, 3, 'conflated'), anEventsFrame([9], { from: [4, 0] }));
  told.push(await next());
  t.same(told, [1], 'not before what came before it');
  told.push(await next());
  t.same(told, [1, '1-4 3 dropped', '4-9 3 conflated', 9]);
  t.same(subscription.shed, { dropped: 3, conflated: 3 });
  t.same(states, ['subscribing', 'live'], 'whoever is told so needs no state');
  client.close();
});

t.test('what was left out counts as nothing received: events inside its range are handed out', async (t) => {
  const { client, give, socket, next } = await aLiveSubscription({ onShed: () => undefined });
  give(aShed(socket().lastSubscribe().id, 0, 9, 5, 'conflated'), anEventsFrame([4, 8], { from: [0, 0], to: [9, 0] }));
  t.same([await next(), await next()], [4, 8]);
  client.close();
});

t.test(
  'without anyone to tell, events left out are counted, and the state says so once for each connection',
  async (t) => {
    const { client, give, socket, reopen, subscription, states } = await aLiveSubscription();
    give(aShed(socket().lastSubscribe().id, 1, 3, 2), aShed(socket().lastSubscribe().id, 3, 4, 1));
    t.same(states.slice(1), ['live', 'live MDS_EVENTS_SHED']);
    socket().drop();
    await reopen();
    give(aSubscribed(socket().lastSubscribe().id), aShed(socket().lastSubscribe().id, 5, 6, 1));
    t.equal(states.at(-1), 'live MDS_EVENTS_SHED');
    t.same(subscription.shed, { dropped: 4, conflated: 0 });
    t.equal(subscription.bufferedEvents, 0);
    client.close();
  },
);

t.test('a reader that takes nothing holds one notice, however much is left out meanwhile', async (t) => {
  const told: number[] = [];
  const { client, give, socket, next } = await aLiveSubscription({ onShed: ({ count }) => told.push(count) });
  const { id } = socket().lastSubscribe();
  give(anEventsFrame([1]));
  for (let i = 1; i < 1000; i++) give(aShed(id, i, i + 1, 1), { type: 'position', id, token: aToken(i + 1) });
  give(anEventsFrame([2000]));
  t.same([await next(), await next()], [1, 2000]);
  t.same(told, [999]);
  client.close();
});
