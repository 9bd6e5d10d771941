// Exactly once for effects: what a store commits, in which order, after which failures, and how it ends.

import t from 'tap';
import { MdsError, type Store } from '../../../client/library/index.ts';
import { anEventsFrame, aSubscribed, aToken, settle } from './fake-runtime.ts';
import { aGap, anOpenClient, type Numbered, offsetOf } from './open-client.ts';

/** A store that writes down what it is asked; each commit waits for `answer`. */
async function aStored(loaded: string | null = aToken(0), isManual = false) {
  const open = await anOpenClient();
  const commits: (readonly [events: number[], offset: number | undefined])[] = [];
  const answers: PromiseWithResolvers<void>[] = [];
  const states: string[] = [];
  const gaps: number[] = [];
  const store: Store<Numbered> = {
    load: () => Promise.resolve(loaded),
    onBatch: (events, position) => {
      commits.push([events.map(({ data }) => data.n), offsetOf(position)]);
      const answer = Promise.withResolvers<void>();
      if (isManual) answers.push(answer);
      else answer.resolve();
      return answer.promise;
    },
  };
  const subscription = open.client.subscribe<Numbered>({
    topic: 'host.metrics',
    store,
    onState: (state) => states.push(state),
    onGap: ({ to }) => gaps.push(to.offset),
  });
  await settle();
  const start = (position = aToken(0)): void => {
    open.give(aSubscribed(open.socket().lastSubscribe().id, { position }));
  };
  /** Settles the oldest commit that waits. */
  const answer = async (error?: Error): Promise<void> => {
    const waiting = answers.shift();
    if (error) waiting?.reject(error);
    else waiting?.resolve();
    await settle();
  };
  return { ...open, subscription, commits, states, gaps, start, answer };
}

t.test('the subscription begins at the position that the store has loaded, and not before', async (t) => {
  const loading = Promise.withResolvers<string | null>();
  const { client, socket } = await anOpenClient();
  client.subscribe({ topic: 'a', store: { load: () => loading.promise, onBatch: () => Promise.resolve() } });
  await settle();
  t.equal(socket().subscribes().length, 0);
  loading.resolve(aToken(7));
  await settle();
  t.equal(socket().lastSubscribe().resume, aToken(7));
  client.close();
});

t.test('events that came together are one batch, with the position behind them', async (t) => {
  const { client, start, give, commits } = await aStored();
  start();
  give(anEventsFrame([1, 2]), anEventsFrame([3], { to: [5, 0] }));
  await settle();
  t.same(commits, [[[1, 2, 3], 5]]);
  client.close();
});

t.test('the next batch waits for the commit of the one before', async (t) => {
  const { client, start, give, commits, answer } = await aStored(aToken(0), true);
  start();
  give(anEventsFrame([1]));
  await settle();
  give(anEventsFrame([2]), anEventsFrame([3]));
  await settle();
  t.same(commits, [[[1], 1]]);
  await answer();
  t.same(commits, [
    [[1], 1],
    [[2, 3], 3],
  ]);
  client.close();
});

t.test('a store without a position is given that of the start before any event', async (t) => {
  const { client, start, give, commits } = await aStored(null);
  start(aToken(4));
  give(anEventsFrame([5]));
  await settle();
  t.same(commits, [
    [[], 4],
    [[5], 5],
  ]);
  client.close();
});

t.test('a commit that fails is tried again with the same batch, after a growing wait', async (t) => {
  const { client, start, give, commits, answer, clock } = await aStored(aToken(0), true);
  start();
  give(anEventsFrame([1]));
  await settle();
  give(anEventsFrame([2]));
  for (const waitMs of [250, 500]) {
    await answer(new Error('the database is away'));
    clock.advance(waitMs - 1);
    await settle();
    const before = commits.length;
    clock.advance(1);
    await settle();
    t.equal(commits.length, before + 1);
  }
  await answer();
  t.same(commits, [
    [[1], 1],
    [[1], 1],
    [[1], 1],
    [[2], 2],
  ]);
  client.close();
});

t.test('ten failures in a row end the subscription with the last of them', async (t) => {
  const { client, start, give, commits, answer, clock, subscription } = await aStored(aToken(0), true);
  start();
  give(anEventsFrame([1]));
  await settle();
  for (let attempt = 1; attempt <= 10; attempt++) {
    await answer(new Error(`failure ${attempt}`));
    clock.advance(20_000);
    await settle();
  }
  await t.rejects(subscription.finished, { message: 'failure 10' });
  t.equal(commits.length, 10);
  t.equal(subscription.state, 'ended');
  client.close();
});

t.test('a position that another instance has moved ends the subscription at once', async (t) => {
  const { client, start, give, answer, subscription, commits } = await aStored(aToken(0), true);
  start();
  give(anEventsFrame([1]));
  await settle();
  await answer(new MdsError('MDS_POSITION_CONFLICT'));
  await t.rejects(subscription.finished, { code: 'MDS_POSITION_CONFLICT' });
  t.equal(commits.length, 1);
  client.close();
});

t.test('a quiet position is committed now and then, never beyond what was committed of the events', async (t) => {
  const { client, start, give, socket, commits, clock, answer } = await aStored(aToken(0), true);
  start();
  await settle();
  const { id } = socket().lastSubscribe();
  clock.advance(30_000);
  await settle();
  t.same(commits, [], 'nothing has moved');
  give({ type: 'position', id, token: aToken(50) });
  clock.advance(30_000);
  await settle();
  t.same(commits, [[[], 50]]);
  give(anEventsFrame([51]));
  await settle();
  clock.advance(30_000);
  await answer();
  t.same(commits.slice(1), [[[51], 51]], 'the event, and no empty batch behind it');
  client.close();
});

t.test('a gap is told before the batch behind it, whose position covers it', async (t) => {
  const { client, start, give, socket, commits, gaps } = await aStored();
  start();
  give(aGap(socket().lastSubscribe().id, 0, 5), anEventsFrame([6]));
  await settle();
  t.same(gaps, [5]);
  t.same(commits, [[[6], 6]]);
  client.close();
});

t.test('a reconnect resumes behind what was received, and every event is committed once', async (t) => {
  const { client, start, give, socket, reopen, commits, answer } = await aStored(aToken(0), true);
  start();
  give(anEventsFrame([1]));
  await settle();
  give(anEventsFrame([2]));
  socket().drop();
  await reopen();
  const { id, resume } = socket().lastSubscribe();
  t.equal(offsetOf(resume ?? null), 2);
  give(aSubscribed(id, { position: aToken(2), replaying: true }), anEventsFrame([2, 3], { sub: id, from: [1, 0] }));
  await answer();
  t.same(commits, [
    [[1], 1],
    [[2, 3], 3],
  ]);
  client.close();
});

t.test('unsubscribing finishes it without an error, also while it loads', async (t) => {
  const { client, start, subscription, socket } = await aStored();
  start();
  await settle();
  subscription.unsubscribe();
  await subscription.finished;
  const loading = client.subscribe({
    topic: 'a',
    store: { load: () => new Promise(() => undefined), onBatch: () => Promise.resolve() },
  });
  const unloaded = client.subscribe({
    topic: 'a',
    store: { load: () => Promise.resolve(null), onBatch: () => Promise.resolve() },
  });
  unloaded.unsubscribe();
  await unloaded.finished;
  t.equal(loading.state, 'waiting');
  t.equal(socket().subscribes().length, 1);
  client.close();
});

t.test('what a store cannot be combined with is refused', async (t) => {
  const { client } = await anOpenClient();
  const store: Store<unknown> = { load: () => Promise.resolve(null), onBatch: () => Promise.resolve() };
  const nothing = (): void => undefined;
  t.throws(() => client.subscribe({ topic: 'a', store, resume: aToken(1) }), { code: 'MDS_REQUEST_INVALID' });
  t.throws(() => client.subscribe({ topic: 'a', store }, { onEvents: nothing, onGap: nothing, onEnd: nothing }), {
    code: 'MDS_REQUEST_INVALID',
  });
  const subscription = client.subscribe({ topic: 'a', store });
  t.throws(() => subscription[Symbol.asyncIterator](), { code: 'MDS_REQUEST_INVALID' });
  t.throws(() => subscription.batches(), { code: 'MDS_REQUEST_INVALID' });
  client.close();
});
