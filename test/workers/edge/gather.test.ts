// Frames clock themselves: what these tests call idle is the moment in which the edge has nothing more to read.

import t from 'tap';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import { afterRecord, beforeRecord } from '../../../schemas/cursor.ts';
import { parseServerFrame } from '../../../schemas/frame-reader.ts';
import type { ServerFrame } from '../../../schemas/frames.ts';
import { OPEN_IDENTITY } from '../../../schemas/identity/identity.ts';
import { channelIdOf } from '../../../schemas/plan/plan.ts';
import { decodeResumeToken } from '../../../schemas/resume-token.ts';
import type { Client } from '../../../workers/edge/client.ts';
import { Delivery } from '../../../workers/edge/delivery.ts';
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
const PLAN = { v: 1, filter: '', fields: null, format: 'json', inputs: [] } as const;
const ID = channelIdOf(1, PLAN);

function setUp() {
  const world = { nowMs: 0, idle: null as (() => void) | null, generation: 0, sentBatches: [] as number[][] };
  const now = (): number => world.nowMs;
  const delivery = new Delivery({
    topics: {
      topicNamed: () => TOPIC,
      planFor: () => ({ plan: PLAN, channel: ID, cost: 0 }),
      schemaOf: () => t.fail('nobody here has a filter to obey') as never,
    },
    interest: {
      assertReachable: () => {},
      add: ({ generation }) => {
        world.generation = generation;
      },
      remove: () => {},
    },
    replays: new ReplayClient({
      edgeId: 'e',
      push: () => {},
      maxOutstanding: 1,
      answerTimeoutMs: 9,
      sharedNow: () => 0,
      maxBytes: 9,
      now,
      later: (action) => action(),
    }),
    limits: {
      joinTimeoutMs: 1000,
      lingerMs: 1000,
      positionIntervalMs: 100,
      frameBytes: 1000,
      lowWaterBytes: 1000,
      holdBytes: 1000,
      catchUpTimeoutMs: 1000,
      maxTries: 3,
      repairHoldBytes: 1000,
      repairTries: 3,
      repairBytes: 1000,
    },
    onRepair: () => {},
    observer: {
      onEnvelope: () => {},
      onSent: (...sent) => void world.sentBatches.push(sent),
      onReplaySent: () => {},
      onGap: () => {},
    },
    now,
    writeAll: () => {},
    whenIdle: (flush) => {
      world.idle = flush;
    },
  });
  let next = 0;
  const envelope = (offset: number, isJoining = false) =>
    anEnvelope([{ cursor: { offset, index: 0 }, bytes: Buffer.from(String(offset)) }], {
      partition: 0,
      from: beforeRecord(offset),
      to: afterRecord(offset),
      joined: isJoining ? [{ channel: ID, generation: world.generation }] : [],
      channels: [{ channel: ID, refs: [0] }],
    });
  return {
    world,
    delivery,
    arrive: (isJoining = false) => delivery.onEnvelope(envelope(next++, isJoining)),
    lose: () => {
      next += 1;
    },
    becomeIdle: () => {
      const flush = world.idle;
      world.idle = null;
      flush?.();
    },
    subscriber: (id: string) => subscriber(delivery, id),
  };
}

function subscriber(delivery: Delivery, id: string) {
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
  const subscription = delivery.subscribe(client, { type: 'subscribe', id, topic: 't' });
  /** What came, in few words. */
  const log = (): string[] =>
    frames.map((frame) => {
      if (frame.type === 'events') return frame.events.map(({ data }) => data).join(',');
      if (frame.type === 'subscribed') return `from ${decodeResumeToken(frame.position).position.get(0)?.offset}`;
      if (frame.type === 'position') return `at ${decodeResumeToken(frame.token).position.get(0)?.offset}`;
      return frame.type === 'pong' ? (frame.id ?? '') : frame.type;
    });
  return { subscription, frames, log };
}

t.test('an event leaves as soon as the edge is idle; what comes while it is busy becomes one frame', async (t) => {
  const { arrive, becomeIdle, subscriber, world } = setUp();
  const user = subscriber('u');
  arrive(true);
  arrive();
  becomeIdle();
  for (let i = 0; i < 3; i++) arrive();
  t.same(user.log(), ['from 0', '1']);
  becomeIdle();
  t.same(user.log(), ['from 0', '1', '2,3,4']);
  t.match(user.frames.at(-1), { from: [1, 0x7fffffff], to: [4, 0x7fffffff], times: [11, 12, 0] });
  becomeIdle();
  t.equal(user.frames.length, 3);
  t.same(world.sentBatches.at(-1), [11, 1, 3]);
});

t.test('whoever joins the channel later gets nothing that was gathered before', async (t) => {
  const { arrive, becomeIdle, subscriber } = setUp();
  const first = subscriber('first');
  arrive(true);
  arrive();
  const second = subscriber('second');
  arrive();
  becomeIdle();
  t.same(first.log(), ['from 0', '1', '2']);
  t.same(second.log(), ['from 1', '2']);
});

t.test('a position is never ahead of the events', async (t) => {
  const { arrive, delivery, subscriber, world } = setUp();
  const user = subscriber('u');
  arrive(true);
  arrive();
  world.nowMs = 200;
  delivery.tick();
  t.same(user.log(), ['from 0', '1', 'at 1']);
});

t.test('what came before an unsubscribe goes out before its answer', async (t) => {
  const { arrive, delivery, subscriber } = setUp();
  const user = subscriber('u');
  arrive(true);
  arrive();
  delivery.unsubscribe(user.subscription);
  t.same(user.log(), ['from 0', '1']);
});

t.test('a frame has no hole in its range: what was gathered before a gap goes out before the goodbye', async (t) => {
  const { arrive, delivery, lose, subscriber, world } = setUp();
  const user = subscriber('u');
  arrive(true);
  arrive();
  lose();
  arrive();
  for (let request = 0; request < 3; request++) {
    world.nowMs += 9; // no repair is ever answered
    delivery.tick();
  }
  const withoutPositions = user.log().filter((line) => !line.startsWith('at'));
  t.same(withoutPositions, ['from 0', '1', 'closed 4002']);
  t.match(user.frames[1], { from: [0, 0x7fffffff], to: [1, 0x7fffffff] });
});

t.test('too much to gather goes out although the edge is busy', async (t) => {
  const { delivery, arrive, subscriber, world } = setUp();
  const user = subscriber('u');
  arrive(true);
  for (let offset = 1; offset < 6; offset++) {
    delivery.onEnvelope(
      anEnvelope([{ cursor: { offset, index: 0 }, bytes: Buffer.alloc(1_048_576, '1') }], {
        partition: 0,
        from: beforeRecord(offset),
        to: afterRecord(offset),
        channels: [{ channel: ID, refs: [0] }],
      }),
    );
  }
  t.not(world.idle, null);
  t.ok(user.frames.length > 1);
});
