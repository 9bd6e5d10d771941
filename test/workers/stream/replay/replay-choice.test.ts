// Which replay requests are answered next and together, and how much of Kafka they may read.

import t from 'tap';
import type { ReplayRequest } from '../../../../schemas/coordination.ts';
import { ReplayBudget } from '../../../../workers/stream/replay/replay-budget.ts';
import { ReplayOrder } from '../../../../workers/stream/replay/replay-choice.ts';

let requestId = 0;
const request = (ranges: readonly [number, number, number][], given: Partial<ReplayRequest> = {}): ReplayRequest => ({
  edgeId: 'e',
  requestId: requestId++,
  topicId: 1,
  channels: [{ channel: '0'.repeat(32), plan: null }],
  ranges: ranges.map(([partition, from, to]) => ({ partition, from: [from, 0], to: [to, 0] })),
  maxBytes: 1,
  deadlineMs: 1,
  ...given,
});
const ids = (requests: readonly ReplayRequest[]) => requests.map((one) => one.requestId);

t.test('a repair and a short range go before a long past that waits longer', async (t) => {
  const long = request([[0, 0, 1_000_000]]);
  const repair = request([[5, 0, 90_000]], { channels: 'interest' });
  const short = request([[6, 0, 100]]);
  t.same(ids(new ReplayOrder().choose([long, repair, short]).together), [repair.requestId]);
  t.same(ids(new ReplayOrder().choose([long, short, repair]).together), [short.requestId]);
  t.same(ids(new ReplayOrder().choose([long, repair, short]).left), [long.requestId, short.requestId], 'in order');
});

t.test('a long past gets its turn though short requests never end', async (t) => {
  const order = new ReplayOrder();
  const long = request([[0, 0, 1_000_000]]);
  let turns = 1;
  while (order.choose([long, request([[turns, 0, 10]])]).together[0] !== long) turns++;
  t.equal(turns, 9);
});

t.test('ranges that overlap or adjoin are read together, of one topic only', async (t) => {
  const first = request([[0, 10, 20]]);
  const overlapping = request([[0, 15, 40]]);
  const adjoining = request([
    [0, 41, 50],
    [1, 7, 9],
  ]);
  const chained = request([[1, 9, 12]]);
  const apart = request([[0, 60, 70]]);
  const elsewhere = request([[2, 10, 20]]);
  const otherTopic = request([[0, 10, 20]], { topicId: 2 });
  const { together, left } = new ReplayOrder().choose([
    first,
    overlapping,
    adjoining,
    chained,
    apart,
    elsewhere,
    otherTopic,
  ]);
  t.same(ids(together), ids([first, overlapping, adjoining, chained]));
  t.same(ids(left), ids([apart, elsewhere, otherTopic]));
});

t.test('a range that begins far behind does not wait for the reading to come there', async (t) => {
  const long = request([[0, 0, 1_000_000]]);
  const late = request([[0, 900_000, 990_000]]);
  t.same(ids(new ReplayOrder().choose([long, late]).together), [long.requestId]);
});

t.test('replays wait for what they have read, and four times as long while live delivery is held up', async (t) => {
  const budget = new ReplayBudget(1000);
  t.equal(budget.spend(500, 0, false), 500);
  t.equal(budget.spend(500, 500, false), 500, 'the wait has paid for it');
  t.equal(budget.spend(100, 600, false), 500, 'what was read too early is waited for');
  t.equal(budget.spend(100, 5000, true), 400, 'time that was not used is not saved up');
});
