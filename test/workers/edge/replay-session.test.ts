import t from 'tap';
import { type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import type { EnvelopeReader } from '../../../schemas/envelope-reader.ts';
import type { MdsError } from '../../../schemas/errors.ts';
import { OPEN_IDENTITY } from '../../../schemas/identity/identity.ts';
import type { Envelope } from '../../../schemas/lane-envelope.ts';
import { type BuiltFrame, FrameBuilder } from '../../../workers/edge/events-frame.ts';
import type { ReplayRanges } from '../../../workers/edge/replay-merge.ts';
import { FrameOutput } from '../../../workers/edge/replay-output.ts';
import { ReplaySession } from '../../../workers/edge/replay-session.ts';
import { anArena, anEnvelope, CHANNEL, gathered } from './gathering.ts';

const at = (offset: number): Cursor => ({ offset, index: 0 });
const eventAt = (offset: number) => ({ cursor: at(offset), bytes: Buffer.from(String(offset)) });

function liveFrame(from: number, to: number): BuiltFrame {
  const events = gathered(anEnvelope([eventAt(to)], { partition: 0, from: at(from), to: at(to) }));
  const frames: BuiltFrame[] = [];
  new FrameBuilder(anArena(), 1000).build(CHANNEL, 'json', events, 0, (frame) => frames.push(frame));
  const [frame] = frames;
  if (!frame) throw new Error('no frame');
  return frame;
}

function answer(from: number, to: number, more: Partial<Envelope> = {}): EnvelopeReader {
  const events = Array.from({ length: to - from }, (_, i) => eventAt(from + 1 + i));
  return anEnvelope(events, { kind: 'replay', partition: 0, from: at(from), to: at(to), last: true, ...more });
}

/** A subscription that stands at offset 0 of one partition. */
function setUp(lane: number) {
  const world = {
    lane,
    nowMs: 0,
    buffered: 0,
    isThrottled: false,
    isJoined: true,
    sent: [] as { type: string; events?: { data: number }[]; sub?: string }[],
    asked: [] as ReplayRanges[],
    live: 0,
    failed: null as MdsError | null,
  };
  const output = new FrameOutput({
    client: {
      format: 'json',
      onSubscriptionEnded: () => {},
      awaitRoom: () => {},
      identity: OPEN_IDENTITY,
      get isThrottled() {
        return world.isThrottled;
      },
      get bufferedBytes() {
        return world.buffered;
      },
      send: (frame) => void world.sent.push(JSON.parse(String(frame))),
      close: () => {},
    },
    subscriptionId: 's',
    channel: CHANNEL,
    builder: new FrameBuilder(anArena(), 1000),
    lowWaterBytes: 100,
    now: () => world.nowMs,
  });
  const session = new ReplaySession(
    {
      channel: CHANNEL,
      output,
      limits: { holdBytes: 500, maxTries: 3, catchUpTimeoutMs: 1000 },
      flushLive: () => {},
      isJoined: () => world.isJoined,
      hasReached: (position) => [...position.values()].every((cursor) => compareCursors(cursor, at(world.lane)) <= 0),
      lanePosition: () => new Map([[0, at(world.lane)]]),
      ask: (_session, ranges) => void world.asked.push(ranges),
      release: () => {},
      now: () => world.nowMs,
      onLive: () => {
        world.live += 1;
      },
      onFailed: (error) => {
        world.failed = error;
      },
      onSent: () => {},
    },
    new Map([[0, at(0)]]),
  );
  const numbers = (): number[] => world.sent.flatMap(({ events = [] }) => events.map(({ data }) => data));
  const hold = (from: number, to: number): void => session.hold(output.heldPieceOf(liveFrame(from, to)));
  return { world, session, hold, numbers };
}

t.test('with nothing to replay it is live at once', async (t) => {
  const { world, session } = setUp(0);
  session.advance();
  t.match(world, { live: 1, asked: [] });
});

t.test('the replay comes first, then what was held, then live', async (t) => {
  const { world, session, hold, numbers } = setUp(3);
  session.advance();
  t.same(world.asked, [[{ partition: 0, from: [0, 0], to: [3, 0] }]]);
  world.lane = 4;
  hold(3, 4);
  session.onReplayEnvelope(answer(0, 3));
  t.same(numbers(), [1, 2, 3, 4]);
  t.ok(world.sent.every(({ sub }) => sub === 's'));
  t.equal(world.live, 1);
});

t.test('an answer that stops early is continued from there, once the client has room', async (t) => {
  const { world, session, numbers } = setUp(4);
  session.advance();
  world.buffered = 100;
  session.onReplayEnvelope(answer(0, 2));
  t.equal(world.asked.length, 1, 'nothing is asked of a client that is full');
  t.same(numbers(), []);
  world.buffered = 0;
  session.advance();
  t.same(world.asked[1], [{ partition: 0, from: [2, 0], to: [4, 0] }]);
  session.onReplayEnvelope(answer(2, 4));
  t.same(numbers(), [1, 2, 3, 4]);
});

t.test('a hold that overflows is read from Kafka in another round', async (t) => {
  const { world, session, hold, numbers } = setUp(1);
  session.advance();
  for (let offset = 1; offset < 6; offset++) hold(offset, offset + 1);
  world.lane = 6;
  session.onReplayEnvelope(answer(0, 1));
  t.equal(world.live, 0);
  t.same(world.asked[1], [{ partition: 0, from: [1, 0], to: [6, 0] }]);
  session.onReplayEnvelope(answer(1, 6));
  t.same(numbers(), [1, 2, 3, 4, 5, 6]);
  t.equal(world.live, 1);
});

t.test('a token ahead of the lane waits for the lane, and holds nothing of what it has already', async (t) => {
  const { world, session, hold, numbers } = setUp(-1);
  session.advance();
  hold(-1, 0);
  t.equal(world.live, 0);
  world.lane = 0;
  session.advance();
  t.same(numbers(), []);
  t.equal(world.live, 1);
});

t.test('a token that the lane never reaches fails, retryable', async (t) => {
  const { world, session } = setUp(-1);
  session.advance();
  world.nowMs = 1001;
  session.tick();
  t.equal(world.failed?.code, 'MDS_REPLAY_FAILED');
});

t.test('a piece that got lost is asked for again, and events that come twice are skipped', async (t) => {
  const { world, session, numbers } = setUp(4);
  session.advance();
  session.onReplayEnvelope(answer(0, 2, { last: false }));
  session.onReplayEnvelope(answer(3, 4));
  t.same(world.asked[1], [{ partition: 0, from: [2, 0], to: [4, 0] }]);
  session.onReplayEnvelope(answer(1, 4));
  t.same(numbers(), [1, 2, 3, 4]);
});

t.test('answers that bring nothing do not go on for ever', async (t) => {
  const { world, session } = setUp(4);
  session.advance();
  for (let i = 0; i < 3; i++) session.onReplayEnvelope(answer(0, 0));
  t.equal(world.failed?.code, 'MDS_REPLAY_FAILED');
  t.equal(world.asked.length, 3);
});

t.test('a shared answer that ends before its own begin is no failed try', async (t) => {
  const { world, session, numbers } = setUp(9);
  session.advance();
  session.onReplayEnvelope(answer(0, 4));
  for (let i = 0; i < 5; i++) session.onReplayEnvelope(answer(1, 2));
  t.equal(world.failed, null);
  session.onReplayEnvelope(answer(2, 9));
  t.same(numbers(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

t.test('of a shared answer that goes on behind its target it waits for nothing', async (t) => {
  const { world, session } = setUp(2);
  session.advance();
  session.onReplayEnvelope(answer(0, 5, { last: false }));
  t.equal(world.live, 1);
});

t.test('events behind the target are left to the lane', async (t) => {
  const { session, numbers } = setUp(2);
  session.advance();
  session.onReplayEnvelope(answer(0, 5));
  t.same(numbers(), [1, 2]);
});

t.test('a range that expired is told and skipped', async (t) => {
  const { world, session } = setUp(4);
  session.advance();
  session.onReplayEnvelope(answer(0, 4, { expired: true, events: [], channels: [] }));
  t.match(world.sent, [{ type: 'gap', id: 's', from: [0, 0], to: [4, 0], code: 'MDS_REPLAY_EXPIRED' }]);
  t.equal(world.live, 1);
});

t.test('a cancelled session does nothing more', async (t) => {
  const { world, session } = setUp(3);
  session.advance();
  session.cancel();
  session.onReplayEnvelope(answer(0, 3));
  session.advance();
  session.tick();
  t.match(world, { live: 0, sent: [] });
});
