// Acknowledgements on their way to the service: gathered, cumulative where that is safe, repeated until they are stored; and
// no event twice to the user while the process lives.

import t from 'tap';
import { aConsumer } from './durable-client.ts';
import { settle } from './fake-runtime.ts';

/** What has become of a promise by now. */
async function outcomeOf(promise: Promise<void>): Promise<string> {
  let outcome = 'pending';
  promise.then(
    () => (outcome = 'fulfilled'),
    (error: { code: string }) => (outcome = error.code),
  );
  await settle();
  return outcome;
}

t.test(
  'answers are gathered for a moment, and acknowledged events up to the first open one are one cursor',
  async (t) => {
    const { client, deliver, next, said } = await aConsumer();
    deliver([1, 2, 3, 4, 5]);
    const deliveries = [await next(), await next(), await next(), await next(), await next()];
    for (const at of [0, 1, 3]) void deliveries[at]?.ack();
    t.same(said(), [{ type: 'ack', seq: 1, upTo: [[0, 2, 0]], cursors: [[0, 4, 0]] }]);
    void deliveries[2]?.ack();
    void deliveries[4]?.ack();
    t.same(said(), [{ type: 'ack', seq: 2, upTo: [[0, 5, 0]] }]);
    t.same(said(), []);
    client.close();
  },
);

t.test('an acknowledgement is fulfilled when the service has stored it', async (t) => {
  const { client, deliver, next, said, give, id, durable } = await aConsumer();
  deliver([1, 2]);
  const [first, second] = [(await next()).ack(), (await next()).ack()];
  said();
  t.equal(await outcomeOf(first), 'pending');
  t.equal(durable.unconfirmed, 2);
  give({ type: 'acked', id: id(), seq: 1 });
  t.same([await outcomeOf(first), await outcomeOf(second)], ['fulfilled', 'fulfilled']);
  t.equal(durable.unconfirmed, 0);
  client.close();
});

t.test('what was not stored is said again, one by one, on the next connection', async (t) => {
  const { client, deliver, next, said, reopen, admit, give, id } = await aConsumer();
  deliver([1, 2, 3, 4]);
  const stored = (await next()).ack();
  said();
  give({ type: 'acked', id: id(), seq: 1 });
  await stored;
  const sent = (await next()).ack();
  said();
  const failed = (await next()).nack({ reason: 'no', delayMs: 5 });
  await reopen();
  const later = (await next()).ack();
  t.same(said(), [], 'not before the edge has let the consumer in');
  admit();
  t.same(said(), [
    { type: 'nack', seq: 3, cursors: [[0, 3, 0]], reason: 'no', delayMs: 5 },
    {
      type: 'ack',
      seq: 4,
      cursors: [
        [0, 2, 0],
        [0, 4, 0],
      ],
    },
  ]);
  give({ type: 'acked', id: id(), seq: 4 });
  for (const answer of [sent, failed, later]) t.equal(await outcomeOf(answer), 'fulfilled');
  client.close();
});

t.test('an event that comes again while it is held or worked on is not handed out again', async (t) => {
  const { client, deliver, next, reopen, admit, durable } = await aConsumer();
  deliver([1, 2]);
  const first = await next();
  await reopen();
  admit();
  deliver([1, 2, 3], { attempts: [2, 2, 1] });
  t.equal(durable.inFlight, 3);
  t.match(await next(), { data: { n: 2 } });
  t.match(await next(), { data: { n: 3 } });
  t.equal(first.attempt, 1);
  client.close();
});

t.test('an event that comes again after it was done is acknowledged again', async (t) => {
  const { client, deliver, next, reopen, admit, said, give, id, durable } = await aConsumer();
  deliver([1]);
  void (await next()).ack();
  said();
  give({ type: 'acked', id: id(), seq: 1 });
  await reopen();
  admit();
  deliver([1, 2], { attempts: [2, 1] });
  t.same(said(), [{ type: 'ack', seq: 2, cursors: [[0, 1, 0]] }]);
  t.equal(durable.inFlight, 1);
  t.match(await next(), { data: { n: 2 } });
  client.close();
});

// It was sent after later events: an edge does not take it for part of an upTo that names one of those, so it was
// "stored" and came a third time.
t.test(
  'an event that comes again after a negative acknowledgement is handed out again, and named by itself',
  async (t) => {
    const { client, deliver, next, said } = await aConsumer();
    deliver([1]);
    void (await next()).nack();
    t.same(said(), [{ type: 'nack', seq: 1, cursors: [[0, 1, 0]] }]);
    deliver([1], { attempts: [2] });
    const again = await next();
    t.equal(again.attempt, 2);
    void again.ack();
    t.same(said(), [{ type: 'ack', seq: 2, cursors: [[0, 1, 0]] }]);
    client.close();
  },
);

t.test('a negative acknowledgement that was not sent yet has what it wanted when the event comes again', async (t) => {
  const { client, deliver, next, said } = await aConsumer();
  deliver([1]);
  const nack = (await next()).nack();
  deliver([1], { attempts: [2] });
  t.equal(await outcomeOf(nack), 'fulfilled');
  t.same(said(), []);
  client.close();
});

t.test('the first answer to a delivery counts', async (t) => {
  const { client, deliver, next, said } = await aConsumer();
  deliver([1]);
  const delivery = await next();
  t.equal(delivery.ack(), delivery.nack());
  t.same(said(), [{ type: 'ack', seq: 1, upTo: [[0, 1, 0]] }]);
  client.close();
});

t.test('no cumulative acknowledgements for several shards, nor for events whose time is half over', async (t) => {
  const group = await aConsumer({ consuming: { shards: [0, 1], shardCount: 4 } });
  group.deliver([1, 2]);
  for (const delivery of [await group.next(), await group.next()]) void delivery.ack();
  t.match(group.said(), [{ type: 'ack', upTo: undefined, cursors: [[], []] }]);
  group.client.close();
  const slow = await aConsumer({ consuming: { ackTimeoutMs: 1000 } });
  slow.deliver([1, 2]);
  slow.clock.advance(500);
  for (const delivery of [await slow.next(), await slow.next()]) void delivery.ack();
  t.match(slow.said(), [{ type: 'ack', upTo: undefined, cursors: [[], []] }]);
  slow.client.close();
});

t.test('after a seek what was done is wanted again, and what was not handed out comes from there', async (t) => {
  const { client, deliver, next, admit, said } = await aConsumer({ consuming: { seekRevision: 1 } });
  deliver([1, 2]);
  void (await next()).ack();
  said();
  admit({ seekRevision: 2 });
  deliver([0, 1]);
  t.match(await next(), { data: { n: 0 } });
  t.match(await next(), { data: { n: 1 } });
  client.close();
});

t.test('what another edge has taken over is said to be unstored, and the consumer goes on', async (t) => {
  const { client, deliver, next, said, give, id, durable } = await aConsumer();
  deliver([1, 2]);
  const [first, second] = [await next(), await next()];
  const lost = first.ack();
  said();
  const kept = second.ack();
  const details = { seq: 1, shards: [0] };
  give({ type: 'error', id: id(), code: 'MDS_ACK_NOT_STORED', message: 'Lost.', retryable: true, details });
  t.equal(await outcomeOf(lost), 'MDS_ACK_NOT_STORED');
  t.equal(durable.state, 'active');
  said();
  give({ type: 'acked', id: id(), seq: 2 });
  t.equal(await outcomeOf(kept), 'fulfilled');
  client.close();
});

t.test('more than may be in flight is not held, and is said to be refused', async (t) => {
  const { client, deliver, said, durable, next } = await aConsumer({ consuming: { maxInFlight: 2 } });
  deliver([1, 2, 3]);
  t.equal(durable.inFlight, 2);
  t.match(said(), [{ type: 'nack', cursors: [[0, 3, 0]], reason: 'the consumer holds as many as it may' }]);
  void (await next()).ack();
  deliver([3], { attempts: [2] });
  t.equal(durable.inFlight, 2);
  client.close();
});

t.test('a thousand answers go at once, and no more than sixteen messages wait to be stored', async (t) => {
  const { client, deliver, durable, socket, give, id } = await aConsumer({ consuming: { maxInFlight: 100_000 } });
  const offsets = Array.from({ length: 18_000 }, (_, i) => i + 1);
  deliver(offsets);
  for await (const delivery of durable) {
    void (delivery.data.n % 2 === 0 ? delivery.ack() : delivery.nack());
    if (delivery.data.n === offsets.length) break;
    if (delivery.data.n === 17_500) {
      const messages = [...socket().all('ack'), ...socket().all('nack')];
      t.equal(messages.length, 16);
      t.ok(messages.every((message) => (message.cursors ?? []).length <= 1000));
      give({ type: 'acked', id: id(), seq: 16 });
    }
  }
  client.close();
});

t.test('the end fails what was not stored', async (t) => {
  const { client, deliver, next, durable, socket } = await aConsumer();
  deliver([1, 2]);
  const [first, second] = [await next(), await next()];
  const stored = first.ack();
  durable.unsubscribe();
  t.match(socket().sent.slice(-2), [{ type: 'ack' }, { type: 'unsubscribe' }], 'it goes out nevertheless');
  t.equal(await outcomeOf(stored), 'MDS_CLIENT_CLOSED');
  t.equal(await outcomeOf(second.ack()), 'MDS_CLIENT_CLOSED');
  client.close();
});
