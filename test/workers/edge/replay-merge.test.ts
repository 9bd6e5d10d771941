import t from 'tap';
import type { ReplayRequest } from '../../../schemas/coordination.ts';
import { ReplayClient, type ReplayListener } from '../../../workers/edge/replay-client.ts';
import { MergedReplay, type ReplayBody } from '../../../workers/edge/replay-merge.ts';
import { anEnvelope } from './gathering.ts';

const channel = (n: number) => ({ channel: n.toString(16).padStart(32, '0'), plan: {} });
const body = (n: number, ...ranges: [partition: number, from: number, to: number][]): ReplayBody => ({
  topicId: 1,
  channel: channel(n),
  ranges: ranges.map(([partition, from, to]) => ({ partition, from: [from, 0], to: [to, 0] })),
});

t.test('overlapping ranges are read once, from the earliest begin to the latest end', async (t) => {
  const merged = new MergedReplay(body(1, [0, 100, 200], [1, 50, 60]));
  t.ok(merged.add(body(2, [0, 90, 210], [2, 7, 9])));
  t.ok(merged.add(body(1, [0, 120, 200])));
  t.same(merged.ranges, body(0, [0, 90, 210], [1, 50, 60], [2, 7, 9]).ranges);
  t.same(merged.channels, [channel(1), channel(2)]);
});

t.test('what belongs to another topic, touches nothing or would make others read far more stays alone', async (t) => {
  const merged = new MergedReplay(body(1, [0, 100_000, 110_000]));
  t.notOk(merged.add({ ...body(2, [0, 100_000, 110_000]), topicId: 2 }));
  t.notOk(merged.add(body(2, [0, 111_000, 112_000])), 'a range apart');
  t.notOk(merged.add(body(2, [1, 100_000, 110_000])), 'another partition');
  t.notOk(merged.add(body(2, [0, 0, 110_000])), 'a long past');
  t.notOk(merged.add(body(2, [0, 100_000, 101_000])), 'a short one would wait for ten times as much');
  t.ok(merged.add(body(2, [0, 95_000, 110_000])));
});

t.test('at most 256 channels share a request; the same channel counts once', async (t) => {
  const merged = new MergedReplay(body(0, [0, 1, 2]));
  for (let n = 1; n < 256; n++) t.ok(merged.add(body(n, [0, 1, 2])));
  t.notOk(merged.add(body(256, [0, 1, 2])));
  t.ok(merged.add(body(7, [0, 1, 2])));
});

function setUp(maxOutstanding: number) {
  const pushed: ReplayRequest[] = [];
  const later: (() => void)[] = [];
  const replays = new ReplayClient({
    edgeId: 'e',
    push: (request) => pushed.push(request),
    maxOutstanding,
    answerTimeoutMs: 100,
    maxBytes: 10,
    now: () => 0,
    sharedNow: () => 0,
    later: (action) => later.push(action),
  });
  const endMoment = (): void => {
    for (const action of later.splice(0)) action();
  };
  const heard: number[] = [];
  const listener = (n: number): ReplayListener => ({
    onReplayEnvelope: () => void heard.push(n),
    onReplayStalled: () => {},
  });
  return { replays, pushed, endMoment, listener, heard };
}

t.test(
  'thousands who resume in one moment need a request for every 256 channels, and all hear its answer',
  async (t) => {
    const { replays, pushed, endMoment, listener, heard } = setUp(32);
    for (let n = 0; n < 2000; n++) replays.ask(listener(n), body(n % 500, [0, 100 + (n % 7), 200]));
    endMoment();
    t.equal(pushed.length, 2);
    for (const { requestId } of pushed) replays.onEnvelope(anEnvelope([], { kind: 'replay', requestId }));
    t.equal(new Set(heard).size, 2000);
  },
);

t.test('whoever has gone hears nothing more of a shared answer, and the others go on', async (t) => {
  const { replays, pushed, endMoment, listener, heard } = setUp(4);
  const [one, other] = [listener(1), listener(2)];
  replays.ask(one, body(1, [0, 1, 9]));
  replays.ask(other, body(2, [0, 1, 9]));
  endMoment();
  replays.release(one);
  replays.onEnvelope(anEnvelope([], { kind: 'replay', requestId: pushed[0]?.requestId ?? 0 }));
  t.same(heard, [2]);
  t.equal(replays.outstandingCount, 1);
  replays.release(other);
  t.equal(replays.outstandingCount, 0);
});

t.test('of one topic a quarter is outstanding; who comes meanwhile waits and shares', async (t) => {
  const { replays, pushed, endMoment, listener } = setUp(8);
  for (let n = 0; n < 10; n++) {
    replays.ask(listener(n), body(n, [0, 1, 9]));
    endMoment();
  }
  t.same([pushed.length, replays.waitingCount], [2, 8]);
  replays.ask(listener(99), { ...body(99, [0, 1, 9]), topicId: 2 });
  endMoment();
  t.equal(pushed.length, 3, 'another topic does not wait for it');
});

t.test('a repair goes out at once, and is not counted', async (t) => {
  const { replays, pushed, endMoment, listener } = setUp(1);
  replays.ask(listener(1), body(1, [0, 1, 9]));
  endMoment();
  replays.askForInterest(listener(2), { topicId: 1, ranges: body(0, [0, 1, 9]).ranges, maxBytes: 77, patienceMs: 50 });
  t.match(pushed[1], { channels: 'interest', maxBytes: 77, deadlineMs: 50 });
  t.equal(replays.outstandingCount, 1);
});
