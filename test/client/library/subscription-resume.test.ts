// A subscription lives through lost connections and nonsense on the wire: where it resumes, and how its token follows.

import t from 'tap';
import { anEventsFrame, aSubscribed, aToken } from './fake-runtime.ts';
import { aLiveSubscription, anOpenClient, offsetOf } from './open-client.ts';

t.test('events out of order within a partition end the connection, and are asked for again', async (t) => {
  for (const frame of [
    anEventsFrame([2, 1], { from: [0, 0], to: [2, 0] }),
    anEventsFrame([1, 5], { to: [3, 0] }),
    anEventsFrame([1], { from: [1, 0] }),
  ]) {
    const { client, give, socket, reopen } = await aLiveSubscription();
    give(frame);
    t.match(client.state, { state: 'waiting', error: { message: /in partition 0/ } });
    await reopen();
    t.equal(offsetOf(socket().lastSubscribe().resume ?? null), 0);
    client.close();
  }
});

t.test('after a reconnect a subscription resumes behind what was received, and what was buffered stays', async (t) => {
  const { client, give, next, socket, reopen, states, subscription } = await aLiveSubscription();
  give(anEventsFrame([1, 2]));
  t.equal(await next(), 1);
  const firstId = socket().lastSubscribe().id;
  socket().drop();
  t.equal(subscription.state, 'waiting');
  await reopen();
  const { id, resume } = socket().lastSubscribe();
  t.not(id, firstId);
  t.equal(offsetOf(resume ?? null), 2);
  give(aSubscribed(id, { position: aToken(2), replaying: true }));
  give(anEventsFrame([9], { from: [8, 0] }), anEventsFrame([3], { sub: id }), { type: 'live', id }, anEventsFrame([4]));
  t.same([await next(), await next(), await next()], [2, 3, 4], 'shared frames do not count while replaying');
  t.same(states, ['subscribing', 'live', 'waiting MDS_CONNECTION_LOST', 'subscribing', 'replaying', 'live']);
  client.close();
});

t.test('a subscription that was never confirmed is begun anew, with the token its user gave', async (t) => {
  const { client, socket, reopen } = await anOpenClient();
  const fresh = client.subscribe({ topic: 'a' });
  const resumed = client.subscribe({ topic: 'b', resume: aToken(5) });
  t.equal(resumed.token, aToken(5));
  socket().drop();
  await reopen();
  t.same(
    socket()
      .subscribes()
      .map(({ resume }) => resume),
    [undefined, aToken(5)],
  );
  t.equal(fresh.token, null);
  client.close();
});

t.test('partitions that are new after a reconnect get the start the edge states for them', async (t) => {
  const { client, give, socket, reopen, subscription } = await aLiveSubscription();
  socket().drop();
  await reopen();
  give(aSubscribed(socket().lastSubscribe().id, { position: aToken(0, 40), partitions: 2 }));
  t.equal(offsetOf(subscription.token, 1), 40);
  give(anEventsFrame([40], { partition: 1 }));
  t.equal(subscription.bufferedEvents, 0);
  client.close();
});

t.test('a quiet subscription’s token follows the positions the edge states', async (t) => {
  const { client, give, socket, subscription, next } = await aLiveSubscription();
  const { id } = socket().lastSubscribe();
  give({ type: 'position', id, token: aToken(50) });
  t.equal(offsetOf(subscription.token), 50);
  give(anEventsFrame([51]), { type: 'position', id, token: aToken(60) }, { type: 'position', id, token: aToken(61) });
  t.equal(offsetOf(subscription.token), 50, 'not before the event in front of it was handed out');
  await next();
  t.equal(offsetOf(subscription.token), 61);
  give(anEventsFrame([], { from: [61, 0], to: [70, 0] }));
  t.equal(offsetOf(subscription.token), 70, 'a frame without events says the same');
  client.close();
});

t.test('while the edge catches up for a live subscription, the frames of its channel are not for it', async (t) => {
  const { client, give, socket, next, subscription, states } = await aLiveSubscription();
  const { id } = socket().lastSubscribe();
  give(anEventsFrame([1]), anEventsFrame([2, 3], { sub: id }), anEventsFrame([9], { from: [8, 0] }));
  give(anEventsFrame([3, 4], { sub: id, from: [2, 0] }), { type: 'live', id }, anEventsFrame([5]));
  t.same([await next(), await next(), await next(), await next(), await next()], [1, 2, 3, 4, 5]);
  t.equal(subscription.bufferedEvents, 0);
  t.same(states, ['subscribing', 'live']);
  client.close();
});

t.test('an edge may say beforehand that it catches up for a live subscription', async (t) => {
  const { client, give, socket, next, states } = await aLiveSubscription();
  const { id } = socket().lastSubscribe();
  give(anEventsFrame([1]), aSubscribed(id, { position: aToken(5, 40), partitions: 2, replaying: true }));
  give(anEventsFrame([9], { from: [8, 0] }), anEventsFrame([2, 3], { sub: id }), { type: 'live', id });
  give(anEventsFrame([40, 41], { partition: 1, from: [39, 0] }), anEventsFrame([4]));
  const seen = [await next(), await next(), await next(), await next(), await next()];
  t.same(seen, [1, 2, 3, 41, 4], 'the position it states is only for partitions that are new');
  t.same(states, ['subscribing', 'live', 'replaying', 'live']);
  client.close();
});

t.test('catching up that a lost connection ends is begun anew', async (t) => {
  const { client, give, socket, next, reopen } = await aLiveSubscription();
  give(anEventsFrame([1, 2], { sub: socket().lastSubscribe().id }));
  socket().drop();
  await reopen();
  const { id, resume } = socket().lastSubscribe();
  t.equal(offsetOf(resume ?? null), 2);
  give(aSubscribed(id, { position: aToken(2) }), anEventsFrame([3]));
  t.same([await next(), await next(), await next()], [1, 2, 3]);
  client.close();
});
