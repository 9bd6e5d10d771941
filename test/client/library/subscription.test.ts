// What the user of a subscription sees: the start, events once and in order, errors, the token.

import t from 'tap';
import { connect, MdsError } from '../../../client/library/index.ts';
import { anEventsFrame, aSubscribed, aToken, aWorld, settle } from './fake-runtime.ts';
import { aGap, aLiveSubscription, anOpenClient, type Numbered, offsetOf } from './open-client.ts';

t.test('a subscription is ready at the start position the edge states', async (t) => {
  const { client, socket, give } = await anOpenClient();
  const subscription = client.subscribe({ topic: 'host.metrics', filter: 'value > 1.0', fields: ['host'] });
  const { id, ...asked } = socket().lastSubscribe();
  t.same(asked, { type: 'subscribe', topic: 'host.metrics', filter: 'value > 1.0', fields: ['host'] });
  t.equal(subscription.token, null);
  t.equal(subscription.topic, 'host.metrics');
  give(aSubscribed(id, { filter: 'value > 1.0', position: aToken(4) }));
  t.same(await subscription.ready, {
    token: aToken(4),
    channel: 'ch',
    filter: 'value > 1.0',
    partitions: 1,
    replaying: false,
  });
  t.equal(subscription.token, aToken(4));
  t.equal(subscription.state, 'live');
  client.close();
});

t.test('subscribing before the connection is open waits for it', async (t) => {
  const world = aWorld();
  const client = connect({ url: 'ws://edge.test/', runtime: world.runtime });
  const subscription = client.subscribe({ topic: 'host.metrics' });
  t.equal(subscription.state, 'waiting');
  await settle();
  t.equal(world.socket().sent.length, 0);
  world.socket().welcome();
  t.equal(world.socket().subscribes().length, 1);
  client.close();
  await t.rejects(subscription.ready, { code: 'MDS_CLIENT_CLOSED' });
});

t.test('events come one by one with cursor and times, and the token is that of the last one handed out', async (t) => {
  const { client, clock, give, iterator, subscription } = await aLiveSubscription();
  give(anEventsFrame([1, 2], { to: [9, 0] }));
  t.equal(subscription.bufferedEvents, 2);
  t.equal(offsetOf(subscription.token), 0);
  const first = await iterator.next();
  t.same(first.value, {
    data: { n: 1 },
    cursor: { partition: 0, offset: 1, index: 0 },
    times: { recordMs: 1, publishedMs: 2, sentMs: 3, receivedMs: clock.now() },
  });
  t.equal(offsetOf(subscription.token), 1);
  await iterator.next();
  t.equal(offsetOf(subscription.token), 9, 'behind the last event of a frame, the whole frame is behind');
  client.close();
});

t.test('an event that comes twice is handed out once', async (t) => {
  const { client, give, next, subscription } = await aLiveSubscription();
  give(anEventsFrame([1, 2]), anEventsFrame([1, 2]), anEventsFrame([2, 3], { from: [1, 0] }));
  t.equal(subscription.bufferedEvents, 3);
  t.same([await next(), await next(), await next()], [1, 2, 3]);
  client.close();
});

t.test('an event at or before the start position is not handed out', async (t) => {
  const { client, give, next } = await aLiveSubscription();
  give(anEventsFrame([0, 1], { from: [-1, 0] }));
  t.equal(await next(), 1);
  client.close();
});

t.test('two subscriptions to the same channel each get every event', async (t) => {
  const { client, give, socket } = await anOpenClient();
  const seen: [string, number][] = [];
  const follow = (name: string, resume?: string) =>
    client.subscribe<Numbered>(
      { topic: 'host.metrics', ...(resume ? { resume } : {}) },
      {
        onEvents: ({ events }) => {
          for (const { data } of events) seen.push([name, data.n]);
        },
        onGap: () => undefined,
        onEnd: () => undefined,
      },
    );
  const live = follow('live');
  give(aSubscribed(socket().lastSubscribe().id, { position: aToken(10) }));
  follow('resumed', aToken(8));
  const { id } = socket().lastSubscribe();
  give(aSubscribed(id, { position: aToken(8), replaying: true }));
  give(anEventsFrame([11]), anEventsFrame([9, 10, 11], { sub: id }), { type: 'live', id }, anEventsFrame([12]));
  await settle();
  const of = (name: string): number[] => seen.filter(([owner]) => owner === name).map(([, n]) => n);
  t.same(of('live'), [11, 12]);
  t.same(of('resumed'), [9, 10, 11, 12]);
  live.unsubscribe();
  give(anEventsFrame([13]));
  await settle();
  t.same(of('live'), [11, 12]);
  t.same(of('resumed').at(-1), 13);
  client.close();
});

t.test('an error that may pass is tried again with backoff, one that will not ends the subscription', async (t) => {
  const { client, give, socket, clock, states, subscription } = await aLiveSubscription();
  const error = { type: 'error', code: 'MDS_JOIN_TIMEOUT', message: 'Nobody answered.', retryable: true } as const;
  give({ ...error, id: socket().lastSubscribe().id });
  t.equal(states.at(-1), 'waiting MDS_JOIN_TIMEOUT');
  clock.advance(250);
  t.equal(socket().subscribes().length, 2);
  give({ ...error, id: socket().lastSubscribe().id });
  clock.advance(499);
  t.equal(socket().subscribes().length, 2, 'the second wait is longer');
  clock.advance(1);
  give({ ...error, code: 'MDS_TOPIC_UNKNOWN', message: 'Gone.', retryable: false, id: socket().lastSubscribe().id });
  t.equal(subscription.state, 'ended');
  await t.rejects(subscription[Symbol.asyncIterator]().next(), { code: 'MDS_TOPIC_UNKNOWN', message: 'Gone.' });
  client.close();
});

t.test(
  'a refused subscription rejects its ready with the error of the edge, known to this library or not',
  async (t) => {
    for (const [code, known] of [
      ['MDS_FILTER_SYNTAX', 'MDS_FILTER_SYNTAX'],
      ['MDS_FROM_THE_FUTURE', 'MDS_INTERNAL'],
    ]) {
      const { client, socket } = await anOpenClient();
      const { ready } = client.subscribe({ topic: 'host.metrics', filter: '(' });
      const { id } = socket().lastSubscribe();
      const details = { at: 1 };
      socket().receive(JSON.stringify({ type: 'error', id, code, message: 'No.', retryable: false, details }));
      await t.rejects(ready, { code: known, message: 'No.', details: { at: 1 } });
      client.close();
    }
  },
);

t.test('bad options are refused at once', async (t) => {
  const { client } = await anOpenClient();
  t.throws(() => client.subscribe({ topic: 'a', resume: 'nonsense' }), { code: 'MDS_TOKEN_CORRUPT' });
  t.throws(() => client.subscribe({ topic: 'a', bufferEvents: 0 }), { code: 'MDS_REQUEST_INVALID' });
  client.close();
});

t.test('frames about subscriptions that are gone are left alone', async (t) => {
  const { client, give } = await anOpenClient();
  give(aSubscribed('s9.1'), aGap('s9.1', 0, 1), { type: 'live', id: 's9.1' }, anEventsFrame([1], { sub: 's9.1' }));
  give({ type: 'position', id: 's9.1', token: aToken(1) }, anEventsFrame([1]));
  give({ type: 'error', id: 's9.1', code: 'MDS_SUBSCRIPTION_UNKNOWN', message: 'None.', retryable: false });
  t.equal(client.state.state, 'open');
  client.subscribe({ topic: 'a' });
  give(aGap('s1.1', 0, 1), { type: 'position', id: 's1.1', token: aToken(1) }, anEventsFrame([1], { sub: 's1.1' }));
  t.equal(client.state.state, 'open', 'nor what comes before the start is known');
  client.close();
});

t.test('MdsError is what every failure is', (t) => {
  t.ok(new MdsError('MDS_CLIENT_CLOSED') instanceof Error);
  t.end();
});
