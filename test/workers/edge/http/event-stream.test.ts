import t from 'tap';
import { CLOSE_CODES } from '../../../../schemas/close-codes.ts';
import { MdsError } from '../../../../schemas/errors.ts';
import { EventStream } from '../../../../workers/edge/http/event-stream.ts';
import type { HttpLimits } from '../../../../workers/edge/http/http-client.ts';
import { anExchange, aSeat, flushed, HttpWorld, PlayedSubscription } from './http-world.ts';
import { StreamReader } from './stream-reader.ts';

function setUp(limits: Partial<HttpLimits> = {}) {
  const world = new HttpWorld(limits);
  const { exchange, response } = anExchange();
  const stream = new EventStream(world.context, exchange, aSeat());
  const subscription = new PlayedSubscription(stream.output);
  stream.start(() => subscription);
  const read = (): StreamReader => {
    const reader = new StreamReader();
    reader.read(response.received);
    return reader;
  };
  const numbers = (): number[] =>
    read()
      .of('message')
      .map(({ data }) => JSON.parse(data).event.n);
  return { world, response, stream, subscription, read, numbers };
}

t.test('nothing is answered before the subscription has begun', async (t) => {
  const { response, subscription, read } = setUp();
  t.equal(response.status, '');
  subscription.begin();
  await flushed();
  t.equal(response.status, '200 OK');
  t.match(response.headers.get('content-type'), 'text/event-stream');
  t.match(read().messages, [{ type: 'subscribed' }]);
  t.equal(read().retryMs, 1000, 'half of the spread on top of the least');
});

t.test('what makes a subscription impossible is an answer of its own', async (t) => {
  const world = new HttpWorld();
  const { exchange, response } = anExchange();
  const stream = new EventStream(world.context, exchange, aSeat());
  stream.start(() => {
    throw new MdsError('MDS_TOPIC_UNKNOWN', { topic: 't' });
  });
  t.equal(response.status, '404 Not Found');
  t.match(JSON.parse(response.text), { code: 'MDS_TOPIC_UNKNOWN', status: 404 });
  t.equal(world.closed.length, 1);
});

t.test('so is what goes wrong while partitions join, and it may be tried again', async (t) => {
  const { response, subscription } = setUp();
  subscription.fail('MDS_JOIN_TIMEOUT');
  t.equal(response.status, '504 Gateway Timeout');
  t.ok(response.headers.has('retry-after'));
});

t.test('an error behind the beginning is a message, and the end', async (t) => {
  const { world, response, subscription, read } = setUp();
  subscription.begin();
  subscription.fail('MDS_TOPIC_UNKNOWN');
  await flushed();
  t.match(read().of('error'), [{ data: /MDS_TOPIC_UNKNOWN/ }]);
  t.ok(response.isEnded);
  t.equal(world.closed.length, 1);
});

t.test('messages of one moment are written together', async (t) => {
  const { response, subscription, numbers } = setUp();
  subscription.begin();
  await flushed();
  const before = response.writeCount;
  subscription.give(2);
  subscription.give(1);
  await flushed();
  t.equal(response.writeCount - before, 1);
  t.same(numbers(), [0, 1, 2]);
});

t.test('a reader that stops for a while gets all of it, in order, when it goes on', async (t) => {
  const { world, response, subscription, numbers } = setUp();
  subscription.begin();
  await flushed();
  response.roomBytes = 10;
  for (let i = 0; i < 20; i++) {
    subscription.give(5, 100);
    await flushed();
  }
  t.equal(world.behind, 1);
  t.ok(response.keptBytes > 0);
  for (let i = 0; i < 100 && response.keptBytes > 0; i++) response.drain(1000);
  t.equal(response.keptBytes, 0);
  t.same(
    numbers(),
    Array.from({ length: 100 }, (_, n) => n),
  );
  t.notOk(response.isEnded);
});

t.test('a reader that does not read is sent away with bounded memory, and resumes behind what it has', async (t) => {
  const limit = 200_000;
  const { world, response, stream, subscription, read, numbers } = setUp({ maxBufferedBytes: limit });
  subscription.begin();
  await flushed();
  response.roomBytes = 3000;
  let most = 0;
  for (let i = 0; i < 1000 && !response.isEnded; i++) {
    subscription.give(10, 500);
    most = Math.max(most, stream.bufferedBytes + response.keptBytes);
    await flushed();
  }
  t.same(world.closings, [CLOSE_CODES.SLOW_CONSUMER]);
  t.ok(subscription.isEnded);
  t.ok(most < 2 * limit, `${most} bytes`);
  response.roomBytes = Number.POSITIVE_INFINITY;
  response.received = Buffer.concat([response.received]);
  const before = numbers();
  t.same(
    before,
    Array.from({ length: before.length }, (_, n) => n),
    'what it has has no hole',
  );
  t.ok(read().lastEventId.length > 0);
});

t.test('a stalled reader is sent away even if nothing more comes for it', async (t) => {
  const { world, response, stream, subscription } = setUp({ stallMs: 30_000 });
  subscription.begin();
  response.roomBytes = 10;
  subscription.give(1, 1000);
  await flushed();
  stream.tick(29_000);
  t.notOk(response.isEnded);
  stream.tick(31_000);
  t.ok(response.isEnded);
  t.same(world.closings, [CLOSE_CODES.SLOW_CONSUMER]);
});

t.test('a silent stream says now and then that it is there', async (t) => {
  const { stream, subscription, read } = setUp({ keepAliveMs: 15_000 });
  subscription.begin();
  await flushed();
  const before = read().comments;
  stream.tick(14_000);
  await flushed();
  t.equal(read().comments, before);
  stream.tick(15_000);
  await flushed();
  t.equal(read().comments, before + 1);
});

t.test('an edge that empties itself says where to go, and ends the stream', async (t) => {
  const { world, response, stream, subscription, read } = setUp();
  subscription.begin();
  subscription.give(1);
  stream.close(CLOSE_CODES.DRAINING, new MdsError('MDS_SHUTTING_DOWN'), ['wss://other/v1/stream']);
  const goodbye = JSON.parse(read().of('goodbye')[0]?.data ?? '');
  t.match(goodbye, { code: 'MDS_SHUTTING_DOWN', edges: ['https://other'] });
  t.equal(read().of('message').length, 1, 'what came before is written');
  t.ok(response.isEnded && response.closesConnection && subscription.isEnded);
  t.same(world.closings, [CLOSE_CODES.DRAINING]);
  stream.close(CLOSE_CODES.DRAINING, new MdsError('MDS_SHUTTING_DOWN'));
  t.equal(world.closed.length, 1);
});

t.test('whoever may not read any more gets an error that is final', async (t) => {
  const { response, stream, subscription, read } = setUp();
  subscription.begin();
  stream.close(CLOSE_CODES.PROTOCOL, new MdsError('MDS_UNAUTHENTICATED'));
  t.match(JSON.parse(read().of('error')[0]?.data ?? ''), { code: 'MDS_UNAUTHENTICATED', retryable: false });
  t.ok(response.isEnded);
});

t.test('a reader that goes away ends its subscription, and is not written to', async (t) => {
  const { world, response, subscription } = setUp();
  subscription.begin();
  await flushed();
  response.abort();
  t.ok(subscription.isEnded);
  subscription.give(1);
  await flushed();
  t.equal(world.closed.length, 1);
});

t.test('a replay goes on when there is room again', async (t) => {
  const { response, stream, subscription } = setUp();
  subscription.begin(true);
  subscription.wantsRoom = true;
  stream.awaitRoom();
  subscription.give(1);
  await flushed();
  const before = subscription.advances;
  t.ok(before > 0, 'a reader that takes everything at once is asked for more');
  response.roomBytes = 10;
  subscription.give(1, 1000);
  await flushed();
  t.equal(subscription.advances, before, 'one that does not is not');
  response.drain(10_000);
  t.equal(subscription.advances, before + 1);
});
