import t from 'tap';
import { CLOSE_CODES } from '../../../../schemas/close-codes.ts';
import { MdsError } from '../../../../schemas/errors.ts';
import type { HttpLimits } from '../../../../workers/edge/http/http-client.ts';
import { LingeringPolls } from '../../../../workers/edge/http/lingering-polls.ts';
import { PollSession } from '../../../../workers/edge/http/poll-session.ts';
import { anExchange, aSeat, flushed, HttpWorld, IDENTITY, PlayedSubscription } from './http-world.ts';

function setUp({ waitMs = 10_000, maxEvents = 3 } = {}, limits: Partial<HttpLimits> = {}) {
  const world = new HttpWorld(limits);
  const { exchange, response } = anExchange();
  const answered: string[] = [];
  const onAnswered = (_session: PollSession, next: string): void => void answered.push(next);
  const session = new PollSession({ context: world.context, seat: aSeat(), onAnswered, later: world.later }, IDENTITY);
  const subscription = new PlayedSubscription(session.output);
  session.start({ exchange, identity: IDENTITY, waitMs, maxEvents }, () => subscription);
  const again = (poll = { waitMs, maxEvents }) => {
    const next = anExchange();
    session.wait({ exchange: next.exchange, identity: IDENTITY, ...poll });
    return next.response;
  };
  return { world, response, session, subscription, answered, again };
}

const numbersOf = (text: string): number[] =>
  JSON.parse(text).events.map(({ event }: { event: { n: number } }) => event.n);

t.test('a poll is answered as soon as something comes, with all of the moment', async (t) => {
  const { world, response, subscription, answered } = setUp();
  subscription.begin();
  await flushed();
  t.equal(response.status, '');
  subscription.give(1);
  subscription.give(1);
  await flushed();
  t.equal(response.status, '200 OK');
  t.same(numbersOf(response.text), [0, 1]);
  t.match(JSON.parse(response.text), { gaps: [], sheds: [], more: false });
  t.same(answered, [JSON.parse(response.text).next]);
  t.equal(world.waitingTimers, 0);
});

t.test('what does not fit into one answer is in the next', async (t) => {
  const { response, subscription, again } = setUp({ maxEvents: 3 });
  subscription.begin();
  subscription.give(5);
  await flushed();
  t.same(numbersOf(response.text), [0, 1, 2]);
  t.equal(JSON.parse(response.text).more, true);
  const next = again();
  await flushed();
  t.same(numbersOf(next.text), [3, 4]);
});

t.test('a poll for which nothing comes is answered when its time is up', async (t) => {
  const { world, response, subscription } = setUp({ waitMs: 10_000 });
  subscription.begin();
  world.pass(9999);
  await flushed();
  t.equal(response.status, '');
  world.pass(1);
  await flushed();
  t.same(numbersOf(response.text), []);
});

t.test('a poll that waits for nothing still gets what lies behind its token', async (t) => {
  const { world, response, subscription } = setUp({ waitMs: 0, maxEvents: 100 });
  subscription.begin(true);
  world.pass(0);
  await flushed();
  t.equal(response.status, '', 'its replay has brought nothing yet');
  subscription.give(2);
  await flushed();
  t.same(numbersOf(response.text), [0, 1]);
});

t.test('a replay that finds nothing is answered in time, and is there for the next poll', async (t) => {
  const { world, response, session, subscription, answered, again } = setUp({ waitMs: 10_000, maxEvents: 100 });
  subscription.begin(true);
  world.pass(10_000);
  await flushed();
  t.equal(response.status, '', 'it may be about to find something');
  world.pass(4000);
  await flushed();
  t.match(JSON.parse(response.text), { events: [], more: true });
  t.same(answered, [JSON.parse(response.text).next]);
  t.notOk(session.isOver || subscription.isEnded);
  const next = again();
  subscription.give(2);
  subscription.live();
  await flushed();
  t.same(numbersOf(next.text), [0, 1]);
  t.equal(world.waitingTimers, 0);
});

t.test('a replay is gathered until it is complete or an answer is full', async (t) => {
  const { response, subscription } = setUp({ maxEvents: 3 });
  subscription.begin(true);
  subscription.give(1);
  await flushed();
  t.equal(response.status, '');
  subscription.give(1);
  subscription.live();
  await flushed();
  t.same(numbersOf(response.text), [0, 1]);
});

t.test('what was left out is told with the next token', async (t) => {
  const { response, subscription } = setUp();
  subscription.begin();
  subscription.shed(4);
  subscription.give(0);
  await flushed();
  t.match(JSON.parse(response.text), { events: [], sheds: [{ count: 4, reason: 'dropped', partition: 0 }] });
});

t.test('a poller that does not come back soon enough is read from Kafka, not kept in memory', async (t) => {
  const { session, subscription } = setUp({}, { lingerBytes: 2000 });
  subscription.begin();
  subscription.give(1);
  await flushed();
  for (let i = 0; i < 50; i++) subscription.give(1, 100);
  t.ok(session.isOver && subscription.isEnded);
});

t.test('an error before the beginning is a problem, with its status', async (t) => {
  const { response, subscription, session } = setUp();
  subscription.fail('MDS_TOPIC_UNKNOWN');
  t.equal(response.status, '404 Not Found');
  t.ok(session.isOver);
});

t.test('an edge that empties itself answers with what there is', async (t) => {
  const { world, response, session, subscription } = setUp();
  subscription.begin();
  session.close(CLOSE_CODES.DRAINING, new MdsError('MDS_SHUTTING_DOWN'));
  t.equal(response.status, '200 OK');
  t.ok(subscription.isEnded && session.isOver);
  t.same(world.closings, [CLOSE_CODES.DRAINING]);
});

t.test('whoever may not read any more gets nothing of what there is', async (t) => {
  const { response, session, subscription } = setUp();
  subscription.begin();
  session.close(CLOSE_CODES.PROTOCOL, new MdsError('MDS_UNAUTHENTICATED'));
  t.equal(response.status, '401 Unauthorized');
  t.equal(response.headers.get('www-authenticate'), 'Bearer');
});

t.test('a poller that goes away ends its subscription', async (t) => {
  const { world, response, subscription } = setUp();
  subscription.begin();
  response.abort();
  t.ok(subscription.isEnded);
  t.equal(world.closed.length, 1);
  t.equal(world.waitingTimers, 0);
});

t.test('lingering subscriptions are found once, bounded in number and time', async (t) => {
  const { session: first } = setUp();
  const { session: second } = setUp();
  const { session: third } = setUp();
  const polls = new LingeringPolls(2, 5000);
  polls.keep(first, 'a', 0);
  polls.keep(second, 'a', 1000);
  polls.keep(third, 'b', 2000);
  t.ok(first.isOver, 'the oldest made room');
  t.equal(polls.take('a'), second);
  t.equal(polls.take('a'), null);
  polls.tick(6999);
  t.equal(polls.count, 1);
  polls.tick(7000);
  t.equal(polls.count, 0);
  t.ok(third.isOver);
  t.notOk(second.isOver, 'whoever was taken is nobody’s concern');
});

t.test('one that ended while it lingered is not found', async (t) => {
  const { session } = setUp();
  const polls = new LingeringPolls(2, 5000);
  polls.keep(session, 'a', 0);
  session.end();
  t.equal(polls.take('a'), null);
});
