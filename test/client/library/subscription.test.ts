// What the user of a subscription sees: the start, events once and in order, gaps, errors, the token, and a bounded buffer.

import t from 'tap';
import { connect, type EventBatch, type Gap, MdsError, type SubscribeOptions } from '../../../client/library/index.ts';
import type { ServerFrame } from '../../../schemas/frames.ts';
import { decodeResumeToken } from '../../../schemas/resume-token.ts';
import { anEventsFrame, aSubscribed, aToken, aWorld, settle } from './fake-runtime.ts';

interface Numbered {
  readonly n: number;
}

async function anOpenClient() {
  const world = aWorld();
  const client = connect({ url: 'ws://edge.test/', runtime: world.runtime });
  await settle();
  world.socket().welcome({ heartbeatMs: 0 });
  const reopen = async (): Promise<void> => {
    world.clock.advance(60_000);
    await settle();
    world.socket().welcome({ heartbeatMs: 0 });
  };
  const give = (...frames: ServerFrame[]): void => {
    for (const frame of frames) world.socket().receive(frame);
  };
  return { ...world, client, reopen, give };
}

async function aLiveSubscription(options: Partial<SubscribeOptions> = {}) {
  const open = await anOpenClient();
  const states: string[] = [];
  const onState = (state: string, error: MdsError | null): void => {
    states.push(error ? `${state} ${error.code}` : state);
  };
  const subscription = open.client.subscribe<Numbered>({ topic: 'host.metrics', onState, ...options });
  open.give(aSubscribed(open.socket().lastSubscribe().id));
  const iterator = subscription[Symbol.asyncIterator]();
  const next = async (): Promise<number | undefined> => (await iterator.next()).value?.data.n;
  return { ...open, subscription, states, iterator, next };
}

const offsetOf = (token: string | null, partition = 0): number | undefined =>
  token === null ? undefined : decodeResumeToken(token).position.get(partition)?.offset;

const aGap = (id: string, from: number, to: number): ServerFrame => ({
  type: 'gap',
  id,
  partition: 0,
  from: [from, 0],
  to: [to, 0],
  code: 'MDS_REPLAY_EXPIRED',
  message: 'Kafka no longer has it.',
});

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

t.test('bad options are refused at once', async (t) => {
  const { client } = await anOpenClient();
  t.throws(() => client.subscribe({ topic: 'a', resume: 'nonsense' }), { code: 'MDS_TOKEN_CORRUPT' });
  t.throws(() => client.subscribe({ topic: 'a', bufferEvents: 0 }), { code: 'MDS_REQUEST_INVALID' });
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
