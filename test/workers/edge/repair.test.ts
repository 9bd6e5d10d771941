import t from 'tap';
import { afterRecord, beforeRecord, type Cursor } from '../../../schemas/cursor.ts';
import type { EnvelopeReader } from '../../../schemas/envelope-reader.ts';
import type { Envelope } from '../../../schemas/lane-envelope.ts';
import { HeldEnvelopes, HoldBudget } from '../../../workers/edge/repair/held-envelopes.ts';
import { type RepairEvent, TopicRepairs } from '../../../workers/edge/repair/topic-repairs.ts';
import type { ReplayListener } from '../../../workers/edge/replay-client.ts';
import type { ReplayRanges } from '../../../workers/edge/replay-merge.ts';
import { TopicLane } from '../../../workers/edge/topic-lane.ts';
import { anEnvelope, CHANNEL } from './gathering.ts';

const OTHER = 'f'.repeat(32);
const NAMED = [{ channel: CHANNEL, generation: 1 }];

/** Records [first, next) of a partition. */
const records = (partition: number, first: number, next: number, more: Partial<Envelope> = {}): EnvelopeReader =>
  anEnvelope([], { partition, from: beforeRecord(first), to: afterRecord(next - 1), ...more });
const answer = (partition: number, first: number, next: number, more: Partial<Envelope> = {}): EnvelopeReader =>
  records(partition, first, next, { kind: 'replay', epoch: 0, last: true, joined: NAMED, ...more });
/** What is asked for, as records [first, next). */
const asRecords = (ranges: ReplayRanges): string[] =>
  ranges.map(({ partition, from, to }) => `${partition}: ${from[0] + 1}-${to[0] + 1}`);

/** Three partitions applied up to record 9, with the channel joined. */
function setUp({ maxTries = 6, holdBytes = 100_000 } = {}) {
  const lane = new TopicLane();
  lane.want(CHANNEL, 1);
  for (const partition of [0, 1, 2]) lane.apply(partition, records(partition, 0, 10, { joined: NAMED }));
  const world = {
    nowMs: 0,
    asked: [] as string[][],
    patienceMs: [] as number[],
    log: [] as string[],
    listeners: [] as ReplayListener[],
    budget: new HoldBudget(holdBytes),
  };
  const note = (what: string, { offset: from }: Cursor, { offset: to }: Cursor): void =>
    void world.log.push(`${what} ${from + 1}-${to + 1}`);
  const repairs = new TopicRepairs({
    lane,
    budget: world.budget,
    maxTries,
    now: () => world.nowMs,
    ask: (listener, ranges, patienceMs) => {
      world.patienceMs.push(patienceMs);
      world.asked.push(asRecords(ranges));
      world.listeners.push(listener);
    },
    release: () => {},
    applyAnswer: ({ partition }, after, to) => {
      note('answer', after, to);
      lane.moveTo(partition, to);
    },
    applyHeld: (envelope) => {
      const step = lane.apply(envelope.partition, envelope);
      if (step.kind === 'gap') return false;
      note('held', envelope.from, envelope.to);
      return true;
    },
    onExpired: ({ partition, from, to }) => {
      note('expired', from, to);
      lane.moveTo(partition, to);
    },
    onNotRun: (channels) => {
      world.log.push(`not run ${channels}`);
      for (const channel of channels) lane.want(channel, 99);
    },
    onGivenUp: ({ partition, from, to }) => {
      note('given up', from, to);
      lane.moveTo(partition, to);
    },
    onEvent: (event: RepairEvent) => {
      if (event.kind === 'ended') world.log.push(event.outcome);
    },
  });
  const tellLast = (envelope: EnvelopeReader): void => world.listeners.at(-1)?.onReplayEnvelope(envelope);
  const lose = (partition: number, from: number): void =>
    void repairs.begin(records(partition, from, from + 2), afterRecord(9));
  const pass = (ms: number): void => {
    world.nowMs += ms;
    repairs.tick();
  };
  return { lane, world, repairs, tellLast, lose, pass };
}

t.test('a gap is asked for at once; what waits behind it follows the answer in order', async (t) => {
  const { world, repairs, tellLast, lose } = setUp();
  lose(0, 15);
  repairs.hold(records(0, 17, 20));
  t.same(world.asked, [['0: 10-15']]);
  tellLast(answer(0, 10, 15));
  t.same(world.log, ['answer 10-15', 'held 15-17', 'held 17-20', 'done']);
  t.same([repairs.count, world.budget.heldBytes], [0, 0]);
});

t.test('partitions whose gaps show while one is asked for share the next request', async (t) => {
  const { world, tellLast, lose } = setUp();
  lose(0, 15);
  lose(1, 12);
  lose(2, 11);
  t.equal(world.asked.length, 1);
  tellLast(answer(0, 10, 15));
  t.same(world.asked[1], ['1: 10-12', '2: 10-11']);
});

t.test('an answer that stops early is continued from there', async (t) => {
  const { world, tellLast, lose } = setUp();
  lose(0, 15);
  tellLast(answer(0, 10, 12));
  t.same(world.asked[1], ['0: 12-15']);
  tellLast(answer(0, 12, 15));
  t.equal(world.log.at(-1), 'done');
});

t.test('a piece of an answer that got lost is asked for again, and what came before it stays', async (t) => {
  const { world, tellLast, lose } = setUp();
  lose(0, 15);
  tellLast(answer(0, 10, 11, { last: false }));
  tellLast(answer(0, 13, 15, { joined: [] }));
  t.same(world.log, ['answer 10-11']);
  t.same(world.asked[1], ['0: 11-15']);
});

t.test('events behind the gap are left to the lane', async (t) => {
  const { world, tellLast, lose } = setUp();
  lose(0, 15);
  tellLast(answer(0, 10, 40));
  t.same(world.log, ['answer 10-15', 'held 15-17', 'done']);
});

t.test('a further gap among what waited is repaired behind the first', async (t) => {
  const { world, repairs, tellLast, lose } = setUp();
  lose(0, 15);
  repairs.hold(records(0, 19, 20));
  tellLast(answer(0, 10, 15));
  t.same(world.asked[1], ['0: 17-19']);
  tellLast(answer(0, 17, 19));
  t.same(world.log.slice(-3), ['answer 17-19', 'held 19-20', 'done']);
});

t.test('what does not fit is dropped from the newest on, and shows as a further gap', async (t) => {
  const { world, repairs, tellLast, lose } = setUp({ holdBytes: 1300 });
  lose(0, 15);
  t.ok(repairs.hold(records(0, 17, 18)));
  t.notOk(repairs.hold(records(0, 18, 19)));
  tellLast(answer(0, 10, 15));
  t.same(world.log.slice(-2), ['held 17-18', 'done']);
});

t.test('watermarks that say nothing new cost no memory, however long a repair takes', async (t) => {
  const held = new HeldEnvelopes(new HoldBudget(1000));
  t.ok(held.push(records(0, 15, 17)));
  const watermark = { from: afterRecord(16), to: afterRecord(16) };
  for (let i = 0; i < 100; i++) t.ok(held.push(anEnvelope([], { partition: 0, ...watermark })));
  t.notOk(held.push(anEnvelope([], { partition: 0, ...watermark, joined: NAMED })), 'one with a notice does');
});

t.test('a channel that is joined here and was not run is waited for, and then completed by itself', async (t) => {
  const { lane, world, tellLast, lose, pass } = setUp();
  lane.want(OTHER, 7);
  lane.apply(0, records(0, 10, 11, { joined: [{ channel: OTHER, generation: 7 }] }));
  lose(0, 15);
  const stale = { joined: [...NAMED, { channel: OTHER, generation: 6 }] };
  for (let request = 0; request < 4; request++) {
    tellLast(answer(0, 11, 15, stale));
    t.same(world.log, [], 'nobody gets an answer that is not for all');
    t.equal(world.asked.length, request + 1, 'it is not asked again at once');
    pass(5000);
  }
  tellLast(answer(0, 11, 15, stale));
  t.same(world.log.slice(0, 2), [`not run ${OTHER}`, 'answer 11-15']);
});

t.test('a range that Kafka has deleted is told, and what is left is repaired', async (t) => {
  const { world, tellLast, lose } = setUp();
  lose(0, 15);
  tellLast(answer(0, 10, 13, { expired: true, last: false, joined: [] }));
  tellLast(answer(0, 13, 15));
  t.same(world.log.slice(0, 2), ['expired 10-13', 'answer 13-15']);
});

t.test(
  'silence is asked again, so many times; then the range is given up and delivery goes on behind it',
  async (t) => {
    const { world, lose } = setUp({ maxTries: 3 });
    lose(0, 15);
    for (let request = 0; request < 3; request++) world.listeners.at(-1)?.onReplayStalled();
    t.equal(world.asked.length, 3);
    t.same(world.log, ['given up 10-15', 'held 15-17', 'failed']);
  },
);

t.test('tries count only in a row: an answer that brings something begins anew', async (t) => {
  const { world, tellLast, lose } = setUp({ maxTries: 3 });
  lose(0, 30);
  for (let round = 10; round < 20; round++) {
    world.listeners.at(-1)?.onReplayStalled();
    world.listeners.at(-1)?.onReplayStalled();
    tellLast(answer(0, round, round + 1));
  }
  t.notOk(world.log.some((line) => line.startsWith('given up')));
});

t.test('answers that bring nothing are asked for again with growing pauses', async (t) => {
  const { world, tellLast, lose, pass } = setUp();
  lose(0, 15);
  const times: number[] = [];
  for (let passed = 0; passed < 3000; passed += 100) {
    if (world.asked.length > times.length) {
      times.push(world.nowMs);
      tellLast(answer(0, 10, 10, { from: afterRecord(9), to: afterRecord(9) }));
    }
    pass(100);
  }
  t.same(times, [0, 200, 600, 1400]);
});

t.test('when nobody is joined any more, the partition goes on without the range', async (t) => {
  const { lane, world, lose, pass } = setUp();
  lose(0, 15);
  lane.want(CHANNEL, 2);
  pass(100);
  t.same(world.log, ['held 15-17', 'done']);
});

t.test('a topic that is no longer followed is forgotten with all that waits', async (t) => {
  const { world, repairs, tellLast, lose } = setUp();
  lose(0, 15);
  repairs.cancel();
  tellLast(answer(0, 10, 15));
  t.same(world.log, ['cancelled']);
  t.equal(world.budget.heldBytes, 0);
});
