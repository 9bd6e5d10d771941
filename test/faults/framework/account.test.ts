// The account finds each kind of fault, and calls a loss silent only when nobody spoke of it.

import t from 'tap';
import { aMeasurement } from '../../integration/harness/measurement.ts';
import { Account, type ReceivedEvent } from './account.ts';

const SEED = 7;
const truth = [0, 1, 2, 3, 4].map((offset) => ({
  partition: 0,
  offset,
  index: 0,
  event: aMeasurement(offset, SEED),
}));
const received = (offset: number, changes: object = {}): ReceivedEvent => ({
  partition: 0,
  offset,
  index: 0,
  data: { ...aMeasurement(offset, SEED), ...changes },
});
const anAccount = (after?: number): Account =>
  new Account({
    truth,
    matches: () => true,
    idPrefix: `m${SEED}-`,
    ...(after === undefined ? {} : { after: new Map([[0, { offset: after, index: 0 }]]) }),
  });
const CLEAN = { lost: 0, silentlyLost: 0, duplicate: 0, unexpected: 0, outOfOrder: 0, foreign: 0 };

t.test('everything in order is no fault', async (t) => {
  const account = anAccount();
  account.take(truth.map(({ offset }) => received(offset)));
  t.same(account.counts([]), { ...CLEAN, expected: 5, received: 5 });
});

t.test('events behind the start only are expected', async (t) => {
  const account = anAccount(2);
  account.take([received(3), received(4)]);
  t.same(account.counts([]), { ...CLEAN, expected: 2, received: 2 });
});

t.test('an event before the start is unexpected', async (t) => {
  const account = anAccount(2);
  account.take([received(2), received(3), received(4)]);
  t.equal(account.counts([]).unexpected, 1);
});

t.test('what is missing is silently lost unless it was told', async (t) => {
  const account = anAccount();
  account.take([received(0), received(3), received(4)]);
  t.match(account.counts([]), { lost: 2, silentlyLost: 2 });
  const told = [{ partition: 0, from: { offset: 0, index: 0 }, to: { offset: 1, index: 0 } }];
  t.match(account.counts(told), { lost: 2, silentlyLost: 1 });
  t.match(account.counts([{ ...told[0], partition: 1 } as never]), { silentlyLost: 2 });
});

t.test('a repeated event is a duplicate, not one out of order', async (t) => {
  const account = anAccount();
  account.take([0, 1, 2, 1, 3, 4].map((offset) => received(offset)));
  t.same(account.counts([]), { ...CLEAN, expected: 5, received: 6, duplicate: 1 });
});

t.test('an event behind a later one is out of order, but for a further attempt', async (t) => {
  const account = anAccount();
  account.take([received(1), received(0), received(3), { ...received(2), attempt: 2 }, received(4)]);
  t.same(account.counts([]), { ...CLEAN, expected: 5, received: 5, outOfOrder: 1 });
});

t.test('other content at a cursor is unexpected, and an event of another topic is foreign', async (t) => {
  const account = anAccount();
  account.take([received(0, { sequence: 99 }), received(1, { id: 'm8-1' })]);
  t.match(account.counts([]), { unexpected: 1, foreign: 1 });
});
