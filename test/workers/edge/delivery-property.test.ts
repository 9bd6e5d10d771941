// The promise itself, under every fault that Redis, workers and clients can produce: whoever subscribes and comes back
// with tokens has in the end each event behind the start once, in order. Never a hole that nobody was told of.

import fc from 'fast-check';
import t from 'tap';
import type { CatalogTopic, Interest, ReplayRequest } from '../../../schemas/coordination.ts';
import { type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import type { Envelope } from '../../../schemas/lane-envelope.ts';
import { channelIdOf } from '../../../schemas/plan/plan.ts';
import { type ChannelPlan, Delivery, type DeliveryOptions } from '../../../workers/edge/delivery.ts';
import { ReplayClient } from '../../../workers/edge/replay-client.ts';
import { SimulatedFollower } from './simulated-follower.ts';
import { matches, overTheWire, SimulatedPartition, TOPIC_ID } from './simulated-partition.ts';
import { SimulatedUser } from './simulated-user.ts';

const PARTITIONS = 2;
const TOPIC: CatalogTopic = {
  topicId: TOPIC_ID,
  tenant: 'default',
  name: 't',
  kafkaTopic: 'default.t',
  deadLetterTopic: 'default.dead-letter',
  partitions: PARTITIONS,
  schemaId: 1,
  schema: '{}',
};

function planOf(filter: string): ChannelPlan {
  const plan = { v: 1, filter, fields: null, format: 'json', inputs: [] } as const;
  return { plan, channel: channelIdOf(TOPIC_ID, plan), cost: 1 };
}

/**
 * What becomes of the answer to a replay: all arrives, nothing, all but the first piece, the second, or the last; or it comes from
 * a worker that has not heard of the latest wish.
 */
type AnswerFault = 'none' | 'lost' | 'beheaded' | 'holed' | 'cut' | 'unheard';

class World {
  nowMs = 0;
  readonly interest = new Map<string, Interest>();
  readonly partitions = Array.from({ length: PARTITIONS }, (_, i) => new SimulatedPartition(i));
  readonly requests: ReplayRequest[] = [];
  readonly users: (SimulatedUser | SimulatedFollower)[];
  readonly delivery: Delivery;
  failedRepairs = 0;
  #isThrottled = false;
  #later: (() => void)[] = [];
  /** What the edge wants to do when there is nothing more to read. */
  #flush: (() => void) | null = null;
  /** Sent, not yet arrived. */
  #lane: Envelope[] = [];

  constructor() {
    const now = (): number => this.nowMs;
    const replays = new ReplayClient({
      edgeId: 'e',
      push: (request) => this.requests.push(request),
      maxOutstanding: 2,
      answerTimeoutMs: 1000,
      sharedNow: () => 0,
      maxBytes: 1000,
      now,
      later: (action) => this.#later.push(action),
    });
    const options: DeliveryOptions = {
      topics: {
        topicNamed: () => TOPIC,
        planFor: (_topic, { filter = '' }) => planOf(filter),
        schemaOf: () => t.fail('nobody here has a filter to obey') as never,
      },
      interest: {
        assertReachable: () => {},
        add: (interest) => this.interest.set(interest.channel, interest),
        remove: (channel) => this.interest.delete(channel),
      },
      replays,
      limits: {
        joinTimeoutMs: 1500,
        lingerMs: 500,
        positionIntervalMs: 300,
        lowWaterBytes: 1000,
        holdBytes: 600,
        frameBytes: 3,
        maxTries: 3,
        catchUpTimeoutMs: 3000,
        repairHoldBytes: 3000,
        repairTries: 4,
        repairBytes: 1000,
      },
      onRepair: (_topic, event) => {
        if (event.kind === 'given_up') this.failedRepairs += 1;
      },
      observer: { onEnvelope: () => {}, onSent: () => {}, onReplaySent: () => {}, onGap: () => {} },
      now,
      writeAll: () => {},
      whenIdle: (flush) => {
        this.#flush = flush;
      },
    };
    this.delivery = new Delivery(options);
    this.users = ['', 'even', ''].map((filter, i) => new SimulatedUser(this.delivery, `u${i}`, filter));
    for (const filter of ['', 'even']) {
      this.users.push(new SimulatedFollower(this.delivery, TOPIC, planOf(filter), filter));
    }
  }

  partition(number: number): SimulatedPartition {
    const partition = this.partitions[number % PARTITIONS];
    if (!partition) throw new RangeError('no such partition');
    return partition;
  }

  send(envelope: Envelope | null): void {
    if (envelope) this.#lane.push(envelope);
  }

  /** Lets what was sent arrive, with what the network did to it. */
  arrive(fault: 'none' | 'lose' | 'double' | 'swap'): void {
    const arriving = this.#lane;
    this.#lane = [];
    if (fault === 'lose') arriving.shift();
    if (fault === 'swap') arriving.reverse();
    if (fault === 'double') arriving.push(...arriving);
    for (const envelope of arriving) this.delivery.onEnvelope(overTheWire(envelope));
  }

  /** The edge finds nothing more to read. */
  becomeIdle(): void {
    const flush = this.#flush;
    this.#flush = null;
    flush?.();
  }

  /** The moment is over. */
  endMoment(): void {
    const actions = this.#later;
    this.#later = [];
    for (const action of actions) action();
  }

  answerReplay(maxRecords: number, fault: AnswerFault): void {
    const request = this.requests.shift();
    if (!request) return;
    const { requestId, ranges, channels } = request;
    for (const { partition: number, from, to } of ranges) {
      const [start, end] = [from, to].map(([offset, index]) => ({ offset, index }));
      if (!start || !end) continue;
      const partition = this.partition(number);
      const names = channels === 'interest';
      const heard = [...partition.interest.values()].sort((a, b) => a.generation - b.generation);
      if (fault === 'unheard') heard.pop();
      const wanted = names
        ? heard
        : channels.map(({ channel, plan }) => ({ channel, plan, topicId: TOPIC_ID, generation: 0 }));
      const answer = partition.replay(requestId, wanted, { from: start, end, maxRecords, names });
      if (fault === 'lost') answer.length = 0;
      if (fault === 'beheaded') answer.shift();
      if (fault === 'holed') answer.splice(1, 1);
      if (fault === 'cut') answer.pop();
      for (const envelope of answer) this.delivery.onEnvelope(overTheWire(envelope));
    }
  }

  /** All goes well for a moment. */
  flow(records: number): void {
    for (const partition of this.partitions) {
      for (let record = 0; record < records; record++) partition.produce(1 + (record % 2));
      partition.sync(this.interest);
      this.send(partition.pump(4));
    }
    this.arrive('none');
    this.becomeIdle();
  }

  tick(ms: number): void {
    this.nowMs += ms;
    this.delivery.tick();
    if (this.#isThrottled) this.delivery.suspend(TOPIC.tenant);
  }

  /** The tenant has used up what it may get, or may get something again. */
  throttle(isThrottled: boolean): void {
    this.#isThrottled = isThrottled;
    for (const user of this.users) user.setThrottled(isThrottled);
  }

  answerAll(): void {
    this.endMoment();
    for (; this.requests.length > 0; this.endMoment()) this.answerReplay(100, 'none');
  }

  /** No more faults: everything must come right. */
  settle(): void {
    this.throttle(false);
    for (let round = 0; round < 60; round++) {
      for (const user of this.users) {
        user.connect();
        user.setSlow(false);
      }
      for (const partition of this.partitions) {
        partition.sync(this.interest);
        this.send(partition.pump(100));
      }
      this.arrive('none');
      this.answerAll();
      this.tick(250);
      this.answerAll();
      if (round > 10 && this.delivery.repairCount === 0 && this.users.every((user) => user.isLive)) return;
    }
  }
}

type Step = (world: World) => void;
const small = fc.nat({ max: 3 });
/** Without a good share of moments in which things work, nobody would be live long enough to lose anything. */
const step: fc.Arbitrary<{ readonly what: string; readonly run: Step }> = fc.oneof(
  { weight: 8, arbitrary: small.map((n) => named(`flow ${n}`, (w) => w.flow(n))) },
  {
    weight: 6,
    arbitrary: fc.tuple(small, small).map(([p, n]) => named(`produce ${p} ${n}`, (w) => w.partition(p).produce(n))),
  },
  {
    weight: 6,
    arbitrary: fc.tuple(small, small).map(([p, n]) => named(`pump ${p} ${n}`, (w) => w.send(w.partition(p).pump(n)))),
  },
  { weight: 3, arbitrary: fc.constant(named('idle', (w) => w.becomeIdle())) },
  { weight: 5, arbitrary: small.map((p) => named(`sync ${p}`, (w) => w.partition(p).sync(w.interest))) },
  {
    weight: 6,
    arbitrary: fc
      .constantFrom(
        'none' as const,
        'none' as const,
        'none' as const,
        'lose' as const,
        'lose' as const,
        'double' as const,
        'swap' as const,
      )
      .map((fault) => named(`arrive ${fault}`, (w) => w.arrive(fault))),
  },
  { weight: 3, arbitrary: fc.nat({ max: 4 }).map((u) => named(`connect ${u}`, (w) => w.users[u]?.connect())) },
  { weight: 1, arbitrary: fc.nat({ max: 4 }).map((u) => named(`disconnect ${u}`, (w) => w.users[u]?.disconnect())) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.nat({ max: 4 }), fc.boolean())
      .map(([u, slow]) => named(`slow ${u} ${slow}`, (w) => w.users[u]?.setSlow(slow))),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(small, small)
      .map(([p, back]) => named(`owner ${p} ${back}`, (w) => w.partition(p).changeOwner(back, w.interest))),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(small, small)
      .map(([p, n]) => named(`zombie ${p}`, (w) => w.send(w.partition(p).pumpZombie(n)))),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(small, small).map(([p, n]) => named(`forget ${p} ${n}`, (w) => w.partition(p).forgetLane(n))),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom<AnswerFault>('none', 'none', 'none', 'none', 'lost', 'beheaded', 'holed', 'cut', 'unheard'),
      )
      .map(([n, fault]) => named(`replay ${n} ${fault}`, (w) => w.answerReplay(n, fault))),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(small, fc.nat({ max: 6 }))
      .map(([p, kept]) => named(`expire ${p} ${kept}`, (w) => w.partition(p).expire(kept))),
  },
  { weight: 3, arbitrary: fc.constantFrom(50, 300, 1200).map((ms) => named(`tick ${ms}`, (w) => w.tick(ms))) },
  { weight: 2, arbitrary: fc.boolean().map((on) => named(`throttle ${on}`, (w) => w.throttle(on))) },
  { weight: 1, arbitrary: fc.constant(named('disturbed', (w) => w.delivery.onLaneDisturbed())) },
);

function named(what: string, run: Step): { readonly what: string; readonly run: Step; toString(): string } {
  return { what, run, toString: () => what };
}

function verify(world: World): void {
  for (const [i, user] of world.users.entries()) {
    if (user.complaints.length > 0) throw new Error(`user ${i}: ${user.complaints.join(', ')}`);
    if (user.gapCloses > 0 && world.failedRepairs === 0) throw new Error(`user ${i} was closed, and no repair failed`);
    if (!user.isLive || !user.start) throw new Error(`user ${i} is not live at the end`);
    for (const partition of world.partitions) {
      const start = user.start.get(partition.partition);
      if (!start) throw new Error(`user ${i} has no start in partition ${partition.partition}`);
      const lost = user.lost.filter((range) => range.partition === partition.partition);
      for (const { to } of lost) {
        if (to.offset >= partition.firstRecord) throw new Error(`user ${i} was told a gap that Kafka has not`);
      }
      const isLost = (cursor: Cursor): boolean =>
        lost.some(({ from, to }) => compareCursors(cursor, from) > 0 && compareCursors(cursor, to) <= 0);
      const expected = partition.events.filter(
        (event) => matches(user.filter, event) && compareCursors(event.cursor, start) > 0 && !isLost(event.cursor),
      );
      const received = user.received.get(partition.partition) ?? [];
      const wanted = JSON.stringify(expected.map(({ n }) => n));
      if (JSON.stringify(received) !== wanted) {
        throw new Error(`user ${i} partition ${partition.partition} got ${JSON.stringify(received)}, not ${wanted}`);
      }
    }
  }
}

t.test('whatever is lost, doubled, reordered, forgotten or taken over, nobody has a hole or a duplicate', async () => {
  const numRuns = Number(process.env.PROPERTY_RUNS ?? 60);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const world = new World();
      for (const user of world.users) user.connect();
      world.flow(2);
      world.flow(2);
      for (const { run } of steps) {
        run(world);
        world.endMoment();
      }
      world.settle();
      verify(world);
    }),
    { numRuns },
  );
});
