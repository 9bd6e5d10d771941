// What a subscriber notices of gaps and of owners that do not match his channel: a delay.

import t from 'tap';
import type { CatalogTopic, Interest, ReplayRequest } from '../../../schemas/coordination.ts';
import { afterRecord, beforeRecord, END_OF_RECORD } from '../../../schemas/cursor.ts';
import { parseServerFrame } from '../../../schemas/frame-reader.ts';
import type { ServerFrame } from '../../../schemas/frames.ts';
import { OPEN_IDENTITY } from '../../../schemas/identity/identity.ts';
import type { Envelope } from '../../../schemas/lane-envelope.ts';
import { channelIdOf } from '../../../schemas/plan/plan.ts';
import type { Client } from '../../../workers/edge/client.ts';
import { type ChannelPlan, Delivery } from '../../../workers/edge/delivery.ts';
import type { Follower } from '../../../workers/edge/follower.ts';
import { ReplayClient } from '../../../workers/edge/replay-client.ts';
import { anEnvelope } from './gathering.ts';

const TOPIC: CatalogTopic = {
  topicId: 1,
  tenant: 'default',
  name: 't',
  kafkaTopic: 'default.t',
  deadLetterTopic: 'default.dead-letter',
  partitions: 1,
  schemaId: 1,
  schema: '{}',
};

function planOf(filter: string): ChannelPlan {
  const plan = { v: 1, filter, fields: null, format: 'json', inputs: [] } as const;
  return { plan, channel: channelIdOf(1, plan), cost: 1 };
}

function setUp() {
  const world = { nowMs: 0, requests: [] as ReplayRequest[], log: [] as string[] };
  const interest = new Map<string, Interest>();
  const now = (): number => world.nowMs;
  const delivery = new Delivery({
    topics: {
      topicNamed: () => TOPIC,
      planFor: (_topic, { filter = '' }) => planOf(filter),
      schemaOf: () => t.fail('nobody here has a filter to obey') as never,
    },
    interest: {
      assertReachable: () => {},
      add: (wish) => void interest.set(wish.channel, wish),
      remove: (channel) => void interest.delete(channel),
    },
    replays: new ReplayClient({
      edgeId: 'e',
      push: (request) => void world.requests.push(request),
      maxOutstanding: 8,
      answerTimeoutMs: 1000,
      maxBytes: 1000,
      now,
      sharedNow: now,
      later: (action) => action(),
    }),
    limits: {
      joinTimeoutMs: 1000,
      lingerMs: 1000,
      positionIntervalMs: 100,
      frameBytes: 1000,
      lowWaterBytes: 1000,
      holdBytes: 1000,
      catchUpTimeoutMs: 10_000,
      maxTries: 3,
      repairHoldBytes: 100_000,
      repairTries: 3,
      repairBytes: 5000,
    },
    observer: { onEnvelope: () => {}, onSent: () => {}, onReplaySent: () => {}, onGap: () => {} },
    onRepair: (topic, { kind }) => void world.log.push(`${topic} ${kind}`),
    now,
    writeAll: () => {},
    whenIdle: () => {},
  });
  /** Records [first, next), each an event of its number for all these channels. */
  const arrive = (first: number, next: number, filters: string[], more: Partial<Envelope> = {}): void => {
    const events = Array.from({ length: next - first }, (_, i) => ({
      cursor: { offset: first + i, index: 0 },
      bytes: Buffer.from(String(first + i)),
    }));
    const refs = events.map((_, i) => i);
    const channels = filters.map((filter) => ({ channel: planOf(filter).channel, refs }));
    const [from, to] = [beforeRecord(first), afterRecord(next - 1)];
    delivery.onEnvelope(anEnvelope(events, { partition: 0, from, to, channels, ...more }));
    delivery.flush();
  };
  const named = (...filters: string[]) =>
    filters.map((filter) => {
      const { channel } = planOf(filter);
      return { channel, generation: interest.get(channel)?.generation ?? 0 };
    });
  const answer = (first: number, next: number, filters: string[], more: Partial<Envelope> = {}): void => {
    const request = world.requests.shift();
    if (!request) throw new Error('nothing is asked');
    const joined = request.channels === 'interest' ? named(...filters) : [];
    arrive(first, next, filters, { kind: 'replay', requestId: request.requestId, last: true, joined, ...more });
  };
  return {
    world,
    delivery,
    interest,
    arrive,
    named,
    answer,
    subscriber: (filter: string) => subscriber(delivery, filter),
  };
}

function subscriber(delivery: Delivery, filter: string) {
  const frames: ServerFrame[] = [];
  const client: Client = {
    format: 'json',
    identity: OPEN_IDENTITY,
    isThrottled: false,
    bufferedBytes: 0,
    send: (frame) => {
      const parsed = parseServerFrame(String(frame));
      if (parsed) frames.push(parsed);
    },
    awaitRoom: () => {},
    onSubscriptionEnded: () => {},
    close: (code) => void frames.push({ type: 'pong', id: `closed ${code}` }),
  };
  const subscription = delivery.subscribe(client, { type: 'subscribe', id: 's', topic: 't', filter });
  /** What came, in few words; positions are left out. */
  const log = (): string[] =>
    frames.flatMap((frame) => {
      if (frame.type === 'events') return [`${frame.sub ?? ''}${frame.events.map(({ data }) => data).join(',')}`];
      if (frame.type === 'gap') return [`gap ${frame.from[0] + 1}-${frame.to[0] + 1} ${frame.code}`];
      if (frame.type === 'subscribed') return [frame.replaying ? 'replaying' : 'subscribed'];
      if (frame.type === 'position') return [];
      return [frame.type === 'pong' ? (frame.id ?? '') : frame.type];
    });
  return { subscription, log };
}

/** A follower that keeps a list. */
function follower(delivery: Delivery, filter: string): string[] {
  const log: string[] = [];
  const keeping: Follower = {
    format: 'json',
    isFull: false,
    onStart: () => {},
    onLive: () => void log.push('live'),
    onEvents: ({ events }) => void log.push(events.map(({ bytes }) => String(bytes)).join(',')),
    onLost: ({ from, to, error }) => void log.push(`lost ${from.offset + 1}-${to.offset + 1} ${error.code}`),
    onPosition: () => {},
    onEnd: (error) => void log.push(`end ${error?.code}`),
  };
  delivery.follow(keeping, TOPIC, planOf(filter), null);
  return log;
}

t.test('what the lane lost comes from Kafka as if it had come on the lane, before what came behind it', async (t) => {
  const { delivery, arrive, named, answer, subscriber } = setUp();
  const user = subscriber('a');
  const list = follower(delivery, 'a');
  arrive(0, 2, ['a'], { joined: named('a') });
  arrive(5, 7, ['a']);
  arrive(7, 8, ['a']);
  answer(2, 5, ['a']);
  t.same(user.log(), ['subscribed', '2,3,4,5,6,7']);
  t.same(list, ['2,3,4,5,6,7']);
});

t.test('positions and new subscriptions stand before the gap until it is repaired', async (t) => {
  const { delivery, arrive, named, answer, subscriber } = setUp();
  subscriber('a');
  arrive(0, 2, ['a'], { joined: named('a') });
  arrive(5, 7, ['a']);
  const later = subscriber('a');
  answer(2, 5, ['a']);
  delivery.flush();
  t.same(later.log(), ['subscribed', '2,3,4,5,6']);
});

t.test(
  'a range that Kafka has deleted is a gap frame for each live subscription, and a follower is told',
  async (t) => {
    const { delivery, arrive, named, answer, subscriber } = setUp();
    const user = subscriber('a');
    const list = follower(delivery, 'a');
    arrive(0, 2, ['a'], { joined: named('a') });
    arrive(5, 7, ['a']);
    answer(2, 5, ['a'], { expired: true, events: [], channels: [] });
    t.same(user.log(), ['subscribed', 'gap 2-5 MDS_REPLAY_EXPIRED', '5,6']);
    t.same(list, ['lost 2-5 MDS_REPLAY_EXPIRED', '5,6']);
  },
);

t.test('whoever waits for a notice that may be lost is asked for anew; one whose notice came is not', async (t) => {
  const { interest, arrive, named, subscriber } = setUp();
  subscriber('a');
  arrive(0, 2, ['a'], { joined: named('a') });
  for (const filter of ['lost', 'came']) subscriber(filter);
  const [lost, came] = named('lost', 'came');
  arrive(5, 7, ['a'], { joined: named('came') });
  t.not(interest.get(planOf('lost').channel)?.generation, lost?.generation);
  t.equal(interest.get(planOf('came').channel)?.generation, came?.generation);
});

t.test('a channel that a new owner does not match is replayed from there and joined again', async (t) => {
  const { world, delivery, arrive, named, answer, subscriber } = setUp();
  const [user, other] = [subscriber('a'), subscriber('b')];
  const list = follower(delivery, 'a');
  arrive(0, 2, ['a', 'b'], { joined: named('a', 'b') });
  arrive(1, 4, ['b'], { epoch: 2, joined: named('b') });
  arrive(4, 6, ['b'], { epoch: 2 });
  t.same(user.log(), ['subscribed', 'replaying']);
  arrive(6, 8, ['a', 'b'], { epoch: 2, joined: named('a') });
  t.match(world.requests, [{ channels: [{ channel: planOf('a').channel }], ranges: [{ from: [1, 2147483647] }] }]);
  answer(2, 8, ['a']); // the client's
  answer(2, 8, ['a']); // the follower's
  arrive(8, 9, ['a', 'b'], { epoch: 2 });
  t.same(user.log().slice(2), ['s2,3,4,5,6,7', 'live', '8']);
  t.same(list, ['2,3,4,5,6,7', 'live', '8']);
  t.same(other.log(), ['subscribed', '2,3', '4,5', '6,7', '8']);
});

t.test('a channel whose owner had forgotten it is replayed from where its subscriber was told to be', async (t) => {
  const { world, delivery, arrive, named, answer, subscriber } = setUp();
  const user = subscriber('a');
  subscriber('b');
  arrive(0, 2, ['a', 'b'], { joined: named('a', 'b') });
  arrive(2, 4, ['b']); // its owner has forgotten "a"
  world.nowMs = 100;
  delivery.tick(); // told: 4; what was forgotten before cannot be known
  arrive(4, 6, ['b']);
  arrive(6, 8, ['a', 'b'], { joined: named('a') });
  answer(4, 8, ['a']);
  t.same(user.log(), ['subscribed', 'replaying', 's4,5,6,7', 'live']);
});

t.test('a replay that waits for a notice that never comes asks for it again', async (t) => {
  const { world, delivery, interest, arrive, named, subscriber } = setUp();
  subscriber('a');
  subscriber('b');
  arrive(0, 2, ['a', 'b'], { joined: named('a', 'b') });
  arrive(2, 4, ['b'], { epoch: 2, joined: named('b') });
  const generation = interest.get(planOf('a').channel)?.generation;
  world.nowMs = 900;
  delivery.tick();
  t.equal(interest.get(planOf('a').channel)?.generation, generation);
  world.nowMs = 1000;
  delivery.tick();
  t.not(interest.get(planOf('a').channel)?.generation, generation);
});

t.test('who joins while a repair is under way is not given up: his notice waits behind the gap', async (t) => {
  const { world, delivery, arrive, named, answer, subscriber } = setUp();
  subscriber('a');
  arrive(0, 2, ['a'], { joined: named('a') });
  arrive(5, 7, ['a']);
  const late = subscriber('b');
  arrive(7, 8, ['a', 'b'], { joined: named('b') });
  world.nowMs = 1500;
  delivery.tick(); // its time is over, and the repair asked again
  world.requests.shift();
  t.same(late.log(), []);
  answer(2, 5, ['a', 'b']);
  t.same(late.log(), ['subscribed']);
});

t.test('a repair that fails closes whoever was joined, and delivery goes on behind the gap', async (t) => {
  const { world, delivery, arrive, named, subscriber } = setUp();
  const user = subscriber('a');
  const list = follower(delivery, 'a');
  arrive(0, 2, ['a'], { joined: named('a') });
  arrive(5, 7, ['a']);
  for (let request = 0; request < 3; request++) {
    world.nowMs += 1000;
    delivery.tick();
  }
  t.same(user.log().slice(0, 2), ['subscribed', 'closed 4002']);
  t.same(list, ['end MDS_GAP']);
  t.same([delivery.repairCount, delivery.repairHeldBytes], [0, 0]);
  const next = subscriber('a');
  arrive(7, 8, ['a']);
  t.same(next.log(), ['subscribed', '7']);
});

// Its first owner had published and died before this edge knew of the partition: the lane begins behind its beginning.
t.test('a partition that is added to a topic comes from its beginning for whoever was live before', async (t) => {
  const { world, delivery, arrive, named, answer, subscriber } = setUp();
  const user = subscriber('a');
  arrive(0, 2, ['a'], { joined: named('a') });
  arrive(5, 7, ['a'], { partition: 1, joined: named('a') });
  t.match(world.requests, [{ ranges: [{ partition: 1, from: [-1, END_OF_RECORD], to: [6, END_OF_RECORD] }] }]);
  answer(0, 7, ['a'], { partition: 1 });
  arrive(7, 8, ['a'], { partition: 1 });
  delivery.flush();
  t.same(user.log(), ['subscribed', 'replaying', 's0,1,2,3,4,5,6', 'live', '7']);
});

t.test('a partition that is added and joined from its beginning is live at once', async (t) => {
  const { world, arrive, named, subscriber } = setUp();
  const user = subscriber('a');
  arrive(0, 2, ['a'], { joined: named('a') });
  arrive(0, 2, ['a'], { partition: 1, joined: named('a') });
  t.same(world.requests, []);
  t.same(user.log(), ['subscribed', '0,1']);
});
