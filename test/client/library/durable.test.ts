// What the consumer of a durable subscription sees: deliveries with attempts, states, gaps, callbacks, and its end.

import t from 'tap';
import { aConsumer } from './durable-client.ts';
import { aConsuming, settle } from './fake-runtime.ts';
import { anOpenClient } from './open-client.ts';

t.test('a consumer is let in, and learns what it takes part in', async (t) => {
  const { client, durable, socket, id } = await aConsumer({ options: { consumer: 'web-1', maxInFlight: 20 } });
  t.same(socket().all('consume'), [
    { type: 'consume', id: id(), subscription: 'on-call', consumer: 'web-1', maxInFlight: 20 },
  ]);
  t.match(await durable.ready, { subscription: 'sub-1', name: 'on-call', topic: 'host.metrics', ackTimeoutMs: 30_000 });
  t.equal(durable.state, 'active');
  t.same(durable.shards, [0]);
  client.close();
});

t.test('deliveries come one by one with cursor, times and attempt', async (t) => {
  const { client, clock, deliver, next, durable } = await aConsumer();
  deliver([1, 2], { attempts: [1, 3] });
  t.match(await next(), {
    data: { n: 1 },
    cursor: { partition: 0, offset: 1, index: 0 },
    times: { recordMs: 1, receivedMs: clock.now() },
    attempt: 1,
  });
  t.match(await next(), { data: { n: 2 }, attempt: 3 });
  t.equal(durable.inFlight, 2);
  client.close();
});

t.test('the name of a consumer is its own, and stays through reconnects', async (t) => {
  const { client, durable, reopen, socket } = await aConsumer();
  await reopen();
  t.match(durable.consumer, /^[0-9a-v]{16}$/);
  t.equal(socket().all('consume')[0]?.consumer, durable.consumer);
  client.close();
});

t.test('states follow what the edge says, and a lost connection is one', async (t) => {
  const { client, states, admit, reopen, durable } = await aConsumer({ consuming: { state: 'standby', shards: [] } });
  t.same(durable.shards, []);
  admit({ state: 'active', shards: [0] });
  admit({ state: 'paused', shards: [0] });
  await reopen();
  admit({ state: 'active', shards: [0] });
  t.same(states, ['standby', 'active', 'paused', 'connecting MDS_CONNECTION_LOST', 'active']);
  client.close();
  t.equal(states.at(-1), 'ended');
});

t.test(
  'what waits for the user is dropped when another consumer takes over, and given when it comes again',
  async (t) => {
    const { client, admit, deliver, next, durable } = await aConsumer();
    deliver([1, 2]);
    t.match(await next(), { data: { n: 1 } });
    admit({ state: 'standby', shards: [] });
    t.equal(durable.inFlight, 1, 'only what the user works on');
    admit();
    deliver([1, 2], { attempts: [2, 2] });
    t.match(await next(), { data: { n: 2 }, attempt: 2 });
    client.close();
  },
);

t.test('a refusal that may pass is tried again, one that will not ends the consumer', async (t) => {
  const { client, give, id, clock, socket, states, durable, next } = await aConsumer();
  const error = { type: 'error', message: 'No.' } as const;
  give({ ...error, id: id(), code: 'MDS_INTERNAL', retryable: true });
  t.equal(durable.state, 'connecting');
  clock.advance(60_000);
  t.equal(socket().all('consume').length, 2);
  give({ ...error, id: id(), code: 'MDS_CONSUMER_SUPERSEDED', retryable: false });
  t.same(states.slice(1), ['connecting MDS_INTERNAL', 'ended MDS_CONSUMER_SUPERSEDED']);
  await t.rejects(next(), { code: 'MDS_CONSUMER_SUPERSEDED', message: 'No.' });
  client.close();
});

t.test('a consumer that is never let in says so', async (t) => {
  const { client, give, socket } = await anOpenClient();
  const { ready } = client.consume({ subscription: 'nothing' });
  const id = socket().all('consume')[0]?.id ?? '';
  give({ type: 'error', id, code: 'MDS_SUBSCRIPTION_UNKNOWN', message: 'There is none.', retryable: false });
  await t.rejects(ready, { code: 'MDS_SUBSCRIPTION_UNKNOWN' });
  client.close();
});

t.test('batches are as they came, and are answered as one', async (t) => {
  const { client, deliver, durable, said } = await aConsumer();
  const batches = durable.batches();
  deliver([1, 2, 3]);
  const batch = (await batches.next()).value;
  t.same([batch.partition, batch.events.length], [0, 3]);
  void batch.events[1]?.nack({ reason: 'not this one' });
  void batch.ack();
  t.same(said(), [
    { type: 'nack', seq: 1, cursors: [[0, 2, 0]], reason: 'not this one' },
    { type: 'ack', seq: 2, upTo: [[0, 3, 0]] },
  ]);
  client.close();
});

t.test('with autoAck an event is done when the next one is asked for, and not when the loop is left', async (t) => {
  const { client, deliver, socket, durable } = await aConsumer({ options: { autoAck: true } });
  deliver([1, 2, 3]);
  for await (const { data } of durable) if (data.n === 2) break;
  t.match(socket().sent.slice(-2), [{ type: 'ack', upTo: [[0, 1, 0]] }, { type: 'unsubscribe' }]);
  t.equal(durable.state, 'ended');
  client.close();
});

t.test('callbacks: a fulfilled batch is acknowledged, a rejected one is not, the next comes after that', async (t) => {
  const seen: number[][] = [];
  let release = (): void => undefined;
  let ended: unknown = 'not yet';
  const { client, deliver, said, durable } = await aConsumer({
    handlers: {
      onEvents: async ({ events }) => {
        seen.push(events.map(({ data }) => data.n));
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        if (events[0]?.data.n === 3) throw new Error('the database is away');
      },
      onGap: () => t.fail('there is no gap'),
      onEnd: (error) => {
        ended = error;
      },
    },
  });
  deliver([1, 2]);
  deliver([3]);
  await settle();
  t.same(seen, [[1, 2]]);
  release();
  await settle();
  t.same(said(), [{ type: 'ack', seq: 1, upTo: [[0, 2, 0]] }]);
  release();
  await settle();
  t.same(said(), [{ type: 'nack', seq: 2, cursors: [[0, 3, 0]], reason: 'the database is away' }]);
  durable.unsubscribe();
  await settle();
  t.equal(ended, null);
  client.close();
});

t.test('a range that Kafka no longer has is told in its place', async (t) => {
  const told: unknown[] = [];
  const { client, deliver, next, give, id } = await aConsumer({
    options: { onGap: (gap) => told.push(gap.to.offset) },
  });
  const gap = { type: 'gap', partition: 0, code: 'MDS_REPLAY_EXPIRED', message: 'Gone.' } as const;
  deliver([1]);
  give({ ...gap, id: id(), from: [1, 0], to: [5, 0] });
  deliver([6]);
  told.push((await next()).data.n);
  told.push((await next()).data.n);
  t.same(told, [1, 5, 6]);
  client.close();
});

t.test('without anyone to tell of a gap, iterating throws there and goes on behind it', async (t) => {
  const { client, deliver, next, give, id } = await aConsumer();
  const gap = { type: 'gap', partition: 0, code: 'MDS_REPLAY_EXPIRED', message: 'Gone.' } as const;
  give({ ...gap, id: id(), from: [0, 0], to: [5, 0] });
  deliver([6]);
  await t.rejects(next(), { code: 'MDS_REPLAY_EXPIRED' });
  t.match(await next(), { data: { n: 6 } });
  client.close();
});

t.test('bad options are refused at once, and frames about consumers that are gone are left alone', async (t) => {
  const { client, give, id, deliver, durable } = await aConsumer();
  t.throws(() => client.consume({ subscription: '' }), { code: 'MDS_REQUEST_INVALID' });
  t.throws(() => client.consume({ subscription: 'a', maxInFlight: 0 }), { code: 'MDS_REQUEST_INVALID' });
  const gone = id();
  durable.unsubscribe();
  deliver([1]);
  give(aConsuming(gone), { type: 'acked', id: gone, seq: 1 });
  t.equal(durable.inFlight, 0);
  client.close();
});
