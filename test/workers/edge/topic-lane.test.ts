import t from 'tap';
import { afterRecord, beforeRecord } from '../../../schemas/cursor.ts';
import { TopicLane } from '../../../workers/edge/topic-lane.ts';

const X = 'x'.repeat(32);
const Y = 'y'.repeat(32);
const range = (first: number, next: number, channel?: string, generation = 1) => ({
  epoch: 1,
  from: beforeRecord(first),
  to: afterRecord(next - 1),
  joined: channel === undefined ? [] : [{ channel, generation }],
});

t.test('when the last channel is no longer wanted, what follows later is a beginning and no gap', async (t) => {
  const lane = new TopicLane();
  lane.want(X, 1);
  lane.apply(0, range(0, 5, X));
  lane.unwant(X);
  t.ok(lane.isIdle);
  lane.want(Y, 2);
  t.match(lane.apply(0, range(20, 21)), { kind: 'ignored', reason: 'no_baseline' });
  t.match(lane.apply(0, range(21, 25, Y, 2)), { kind: 'applied', joined: [Y], missed: false });
});

t.test('a notice of an earlier generation does not join a channel that is wanted anew', async (t) => {
  const lane = new TopicLane();
  lane.want(X, 1);
  lane.apply(0, range(0, 5, X));
  lane.want(X, 2);
  t.notOk(lane.isJoined(X, 0));
  t.match(lane.apply(0, range(5, 6, X, 1)), { joined: [], rejoined: [] });
  t.match(lane.apply(0, range(6, 7, X, 2)), { joined: [X], rejoined: [] });
});

t.test('a channel is joined everywhere when every partition of the topic has said so', async (t) => {
  const lane = new TopicLane();
  lane.want(X, 1);
  lane.apply(0, range(0, 5, X));
  t.same([lane.isJoinedEverywhere(X, 2), lane.partitionsWithout(X, 2)], [false, [1]]);
  lane.apply(1, range(3, 4, X));
  t.same([lane.isJoinedEverywhere(X, 2), lane.partitionsWithout(X, 2)], [true, []]);
  t.ok(lane.hasReached(new Map([[0, afterRecord(4)]])));
  t.notOk(lane.hasReached(new Map([[1, afterRecord(4)]])));
});
