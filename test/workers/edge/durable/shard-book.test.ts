// What one shard has in flight: the rules one by one.

import t from 'tap';
import { aBook, anEvent, at, type BookUnderTest, offsetsOf, sendAll, stateOf, TIMES } from './books.ts';

/** Offsets 0 … count-1 met and sent. */
function sent(count: number, ...rest: Parameters<typeof aBook>): BookUnderTest {
  const made = aBook(...rest);
  for (let offset = 0; offset < count; offset++) made.book.offer(0, anEvent(offset), TIMES);
  sendAll(made.book, 0);
  return made;
}

t.test('the floor stays before the first event that is not settled, and passes all that is', async (t) => {
  const { book } = sent(4);
  book.acknowledge(0, at(1));
  book.acknowledge(0, at(2));
  t.same(book.floor(0), at(-1, 0x7fffffff));
  book.acknowledge(0, at(0));
  t.same(book.floor(0), at(2));
  book.acknowledge(0, at(3));
  book.pass(0, at(99));
  t.same(book.floor(0), at(99));
});

t.test('where nothing matches, the floor follows the stream', async (t) => {
  const { book } = aBook();
  book.pass(0, at(500, 7));
  t.same(book.state().floor, [[0, 500, 7]]);
});

t.test('a full book takes nothing more until something is settled', async (t) => {
  const { book } = sent(2, { maxInFlight: 2 });
  t.equal(book.offer(0, anEvent(2), TIMES), false);
  book.acknowledge(0, at(1));
  t.equal(book.offer(0, anEvent(2), TIMES), true);
  t.same(offsetsOf(sendAll(book, 0)), [2]);
});

t.test('bytes fill a book as events do, but one event always fits', async (t) => {
  const { book } = aBook({ maxBytes: 3 });
  t.equal(book.offer(0, anEvent(0), TIMES), true);
  t.equal(book.offer(0, anEvent(1), TIMES), false);
});

t.test('an event without an answer in time is sent again after a growing wait, then given up', async (t) => {
  const { book, notes } = sent(1);
  book.tick(999);
  t.same(sendAll(book, 999), [], 'still has time');
  book.tick(1000);
  t.same(sendAll(book, 1000), [], 'waits 100 ms');
  book.tick(1100);
  t.same(offsetsOf(sendAll(book, 1100)), [0]);
  book.tick(2100);
  book.tick(2299);
  t.same(sendAll(book, 2299), [], 'waits 200 ms now');
  book.tick(2300);
  t.equal(sendAll(book, 2300)[0]?.attempts, 3);
  book.tick(3300);
  t.same(
    [...book.dead()].map(({ cursor, reason }) => [cursor, reason]),
    [[at(0), 'MDS_NOT_ACKNOWLEDGED']],
  );
  t.same(notes, ['sent 0', 'redelivered 0', 'redelivered 0']);
});

t.test('jitter takes up to half of the wait', async (t) => {
  const { book } = sent(1, {}, stateOf(), { random: () => 0 });
  book.tick(1000);
  book.tick(1050);
  t.same(offsetsOf(sendAll(book, 1050)), [0]);
});

t.test('a rejected event comes again after the delay that its consumer wishes', async (t) => {
  const { book, notes } = sent(1);
  t.equal(book.reject(0, at(0), 'no disk', 5000, 10), true);
  book.tick(5009);
  t.same(sendAll(book, 5009), []);
  book.tick(5010);
  t.equal(sendAll(book, 5010)[0]?.attempts, 2);
  t.same(notes, ['sent 0', 'negative 0: no disk', 'redelivered 0']);
});

t.test(
  'an event that failed for the last time keeps its reason and holds the floor until it is a dead letter',
  async (t) => {
    const { book, notes } = sent(2, { maxAttempts: 1 });
    book.reject(0, at(0), 'no disk', null, 0);
    book.acknowledge(0, at(1));
    t.same(book.floor(0), at(-1, 0x7fffffff));
    t.equal(book.acknowledge(0, at(0)), false, 'too late');
    const [dead] = book.dead();
    t.equal(dead?.reason, 'no disk');
    if (dead) book.settleDead(dead);
    t.same(book.floor(0), at(1));
    t.equal(notes.at(-1), 'deadLettered 0: no disk');
    t.equal(book.inFlightCount, 0);
  },
);

t.test('an acknowledgement up to a cursor means all that was sent before it', async (t) => {
  const { book } = sent(4);
  t.equal(book.acknowledgeUpTo(0, at(2)), true);
  t.same(book.floor(0), at(2));
  t.equal(book.inFlightCount, 1);
});

t.test('an acknowledgement up to a cursor does not mean what was rejected, or sent again since', async (t) => {
  const { book } = sent(3);
  book.reject(0, at(0), 'x', 0, 0);
  book.acknowledgeUpTo(0, at(1));
  t.equal(book.inFlightCount, 2, 'rejected');
  book.tick(0);
  t.same(offsetsOf(sendAll(book, 0)), [0]);
  book.acknowledgeUpTo(0, at(2));
  t.equal(book.inFlightCount, 1, 'sent again behind 2');
  book.acknowledgeUpTo(0, at(0));
  t.equal(book.inFlightCount, 0);
});

t.test('what was never sent cannot be acknowledged', async (t) => {
  const { book } = aBook();
  book.offer(0, anEvent(0), TIMES);
  t.equal(book.acknowledge(0, at(0)), false);
  t.equal(book.acknowledgeUpTo(0, at(5)), false);
  t.equal(book.acknowledge(3, at(0)), false, 'of a partition that does not exist');
});

t.test('the next owner sends again what was not settled, with its attempts, and nothing else', async (t) => {
  const { book } = sent(5);
  for (const offset of [1, 3]) book.acknowledge(0, at(offset));
  book.offer(0, anEvent(5), TIMES);
  const next = aBook({}, book.state()).book;
  t.same(next.readTo(0), at(-1, 0x7fffffff));
  for (let offset = 0; offset < 8; offset++) next.offer(0, anEvent(offset), TIMES);
  t.same(
    sendAll(next, 0).map(({ cursor, attempts }) => [cursor.offset, attempts]),
    [
      [0, 2],
      [2, 2],
      [4, 2],
      [5, 1],
      [6, 1],
      [7, 1],
    ],
  );
});

t.test('an owner that is replaced before it has read anything again hands on what was settled', async (t) => {
  const { book } = sent(3);
  book.acknowledge(0, at(1));
  const second = aBook({}, book.state()).book;
  const third = aBook({}, second.state()).book;
  for (let offset = 0; offset < 3; offset++) third.offer(0, anEvent(offset), TIMES);
  t.same(offsetsOf(sendAll(third, 0)), [0, 2]);
});

t.test('an event whose last attempt was lost with its owner is not sent again', async (t) => {
  const { book } = sent(1, { maxAttempts: 1 });
  const next = aBook({ maxAttempts: 1 }, book.state()).book;
  next.offer(0, anEvent(0), TIMES);
  t.same(sendAll(next, 0), []);
  t.equal([...next.dead()].length, 1);
});

t.test('an answer to an earlier owner counts before the event was read again', async (t) => {
  const { book } = sent(2);
  const next = aBook({}, book.state()).book;
  t.equal(next.acknowledge(0, at(0)), true);
  t.equal(next.acknowledgeUpTo(0, at(1)), false, 'up to: only what this owner sent');
  for (const offset of [0, 1]) next.offer(0, anEvent(offset), TIMES);
  t.same(offsetsOf(sendAll(next, 0)), [1]);
});

t.test('single settled events and attempts behind the floor count without `taken`', async (t) => {
  const state = stateOf({ settled: [[0, 1, 0]], attempts: [[0, 2, 0, 1]] });
  const { book } = aBook({}, state);
  for (let offset = 0; offset < 4; offset++) book.offer(0, anEvent(offset), TIMES);
  t.same(
    sendAll(book, 0).map(({ cursor, attempts }) => [cursor.offset, attempts]),
    [
      [0, 1],
      [2, 2],
      [3, 1],
    ],
  );
});

t.test('what was expected and does not match any more is forgotten', async (t) => {
  const { book } = sent(2);
  const next = aBook({}, book.state()).book;
  next.pass(0, at(10));
  t.same(next.state().attempts, []);
  t.same(next.floor(0), at(10));
});

t.test('a redriven event is sent although it is settled, and does not move the floor', async (t) => {
  const { book, redriven } = sent(1);
  book.acknowledge(0, at(0));
  book.offerRedrive(0, anEvent(0), TIMES);
  book.offerRedrive(0, anEvent(0), TIMES);
  t.same(
    sendAll(book, 0).map(({ attempts }) => attempts),
    [1],
  );
  t.same(book.floor(0), at(0));
  book.acknowledge(0, at(0));
  t.same(redriven, ['0 acknowledged']);
  t.equal(book.inFlightCount, 0);
});

t.test('a redriven event has its attempts, over changes of owner too, and is given up in the end', async (t) => {
  const { book } = aBook({ maxAttempts: 2 });
  book.offerRedrive(0, anEvent(4), TIMES);
  sendAll(book, 0);
  const { book: next, redriven } = aBook({ maxAttempts: 2 }, book.state());
  next.offerRedrive(0, anEvent(4), TIMES);
  t.equal(sendAll(next, 0)[0]?.attempts, 2);
  next.reject(0, at(4), 'again', null, 0);
  t.same(redriven, ['4 deadLettered']);
  t.same([...next.dead()], []);
});

t.test('indexes of batch records are cursors of their own', async (t) => {
  const { book } = aBook();
  for (const index of [0, 1, 2]) book.offer(0, anEvent(3, index), TIMES);
  sendAll(book, 0);
  book.acknowledge(0, at(3, 0));
  t.same(book.floor(0), at(3, 0));
});
