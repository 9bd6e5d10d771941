// Everything in the library is bounded: a full buffer stops the stream, and messages go out no faster than allowed.

import t from 'tap';
import { connect } from '../../../client/library/index.ts';
import { anEventsFrame, aSubscribed, aToken, aWorld, settle } from './fake-runtime.ts';
import { aGap, aLiveSubscription, offsetOf } from './open-client.ts';

t.test('a full buffer stops the stream, which continues from there when half of it was read', async (t) => {
  const { client, give, socket, next, states, subscription } = await aLiveSubscription({ bufferEvents: 4 });
  give(anEventsFrame([1, 2, 3]), anEventsFrame([4, 5, 6]), anEventsFrame([7]));
  t.equal(subscription.bufferedEvents, 4, 'never more than asked for');
  t.equal(states.at(-1), 'paused MDS_CLIENT_BUFFER_FULL');
  t.match(socket().sent.at(-1), { type: 'unsubscribe' });
  t.same([await next()], [1]);
  t.equal(subscription.state, 'paused');
  t.same([await next()], [2]);
  const { id, resume } = socket().lastSubscribe();
  t.equal(offsetOf(resume ?? null), 4);
  give(aSubscribed(id, { position: aToken(4), replaying: true }), anEventsFrame([5, 6], { sub: id }));
  t.same([await next(), await next(), await next(), await next()], [3, 4, 5, 6]);
  client.close();
});

t.test('a buffer that is full to the last place takes nothing of the next frame, nor a gap', async (t) => {
  for (const more of [anEventsFrame([3]), aGap('s1.1', 2, 9)]) {
    const { client, give, socket, next, subscription } = await aLiveSubscription({ bufferEvents: 2 });
    give(anEventsFrame([1, 2]), more);
    t.equal(subscription.state, 'paused');
    t.equal(subscription.bufferedEvents, 2);
    await next();
    t.equal(offsetOf(socket().lastSubscribe().resume ?? null), 2);
    client.close();
  }
});

t.test('a subscription paused for its buffer stays so through a reconnect', async (t) => {
  const { client, give, socket, next, reopen, subscription } = await aLiveSubscription({ bufferEvents: 2 });
  give(anEventsFrame([1, 2, 3]));
  socket().drop();
  t.equal(subscription.state, 'paused');
  await next();
  t.equal(subscription.state, 'waiting', 'there is nobody to ask yet');
  await reopen();
  t.equal(offsetOf(socket().lastSubscribe().resume ?? null), 2);
  client.close();
});

t.test('when asked to, a full buffer ends the subscription behind what it holds', async (t) => {
  const { client, give, next, subscription } = await aLiveSubscription({ bufferEvents: 2, onBufferFull: 'error' });
  give(anEventsFrame([1, 2, 3]));
  t.equal(subscription.state, 'ended');
  t.same([await next(), await next()], [1, 2]);
  await t.rejects(next(), { code: 'MDS_CLIENT_BUFFER_FULL', details: { limit: 2 } });
  client.close();
});

t.test('many subscriptions on one connection go out no faster than the edge allows', async (t) => {
  const world = aWorld();
  const client = connect({ url: 'ws://edge.test/', runtime: world.runtime });
  for (let i = 0; i < 20; i++) client.subscribe({ topic: 'host.metrics' });
  await settle();
  world.socket().welcome({ heartbeatMs: 0, limits: { subscriptions: 9, messageBytes: 9, messagesPerSecond: 10 } });
  t.equal(world.socket().subscribes().length, 8);
  world.clock.advance(1000);
  t.equal(world.socket().subscribes().length, 16);
  world.clock.advance(1000);
  t.equal(world.socket().subscribes().length, 20);
  t.equal(
    new Set(
      world
        .socket()
        .subscribes()
        .map(({ id }) => id),
    ).size,
    20,
  );
  client.close();
  t.equal(world.clock.pending, 0);
});

t.test('a runaway loop of subscriptions is refused instead of growing a queue without end', async (t) => {
  const world = aWorld();
  const client = connect({ url: 'ws://edge.test/', runtime: world.runtime });
  await settle();
  world.socket().welcome({ heartbeatMs: 0, limits: { subscriptions: 9, messageBytes: 9, messagesPerSecond: 1 } });
  for (let i = 0; i < 10_001; i++) client.subscribe({ topic: 'a' });
  const refused = client.subscribe({ topic: 'a' });
  t.equal(refused.state, 'ended');
  await t.rejects(refused.ready, { code: 'MDS_RATE_LIMITED' });
  client.close();
});
