// The pure parts that keep account: slabs, commits, interest, deltas, lease, ranges of replays.

import fc from 'fast-check';
import t from 'tap';
import { END_OF_RECORD } from '../../../schemas/cursor.ts';
import { CommitLog } from '../../../workers/stream/commit-log.ts';
import { DeltaQueue } from '../../../workers/stream/delta-queue.ts';
import { InterestTable } from '../../../workers/stream/interest-table.ts';
import type { PlanDelta } from '../../../workers/stream/kernel/plan-delta.ts';
import { LEASE_MS, Lease } from '../../../workers/stream/lease.ts';
import { inRange } from '../../../workers/stream/range-watch.ts';
import { firstOffsetAfter, planRange } from '../../../workers/stream/replay/replay-range.ts';
import { SlabReader, SlabWriter } from '../../../workers/stream/slab.ts';
import { SlabQueue } from '../../../workers/stream/slab-queue.ts';

const bytes = (length: number) => new Uint8Array(length).fill(length % 256);
const aRecord = (offset: number, length = 10) => ({
  slot: 1,
  offset,
  timestampMs: 5,
  receivedMs: 6,
  value: bytes(length),
  key: null,
});

t.test('a slab gives back what was put in, and refuses what does not fit', (t) => {
  const optionalBytes = fc.option(fc.uint8Array({ maxLength: 40 }));
  const records = fc.array(
    fc.record({ slot: fc.nat(9), offset: fc.maxSafeInteger(), value: optionalBytes, key: optionalBytes }),
  );
  fc.assert(
    fc.property(records, fc.integer({ min: 64, max: 900 }), (given, byteLength) => {
      const writer = new SlabWriter(byteLength);
      const kept = given.filter((one) => writer.append({ ...one, timestampMs: -1, receivedMs: 2.5 }));
      const reader = new SlabReader(writer.memory);
      if (reader.recordCount !== kept.length || writer.recordCount !== kept.length) throw new Error('count');
      kept.forEach(({ slot, offset, value, key }, i) => {
        const read = reader.record(i);
        const same = (a: Uint8Array | null, b: Uint8Array | null) => (a && b ? Buffer.compare(a, b) === 0 : a === b);
        const isSame = read.slot === slot && read.offset === offset && same(read.value, value) && same(read.key, key);
        if (!isSame || read.timestampMs !== -1 || read.receivedMs !== 2.5) throw new Error(`record ${i}`);
        if (reader.place(i).offset !== offset) throw new Error(`place ${i}`);
      });
    }),
  );
  const writer = new SlabWriter(100);
  t.throws(() => new SlabReader(writer.memory).record(0), RangeError);
  t.end();
});

t.test('slabs are bounded, come in order, and grow only for a giant record', async (t) => {
  const queue = new SlabQueue(2, 200);
  t.ok(queue.append(aRecord(0)));
  while (queue.append(aRecord(1))) if (!queue.hasRoom) break;
  while (queue.append(aRecord(2)));
  t.notOk(queue.hasRoom, 'all full: whoever consumes must stop');
  const first = queue.take();
  t.equal(first && new SlabReader(first.writer.memory).place(0).offset, 0);
  if (first) queue.release(first);
  t.ok(queue.append(aRecord(3, 5000)), 'a record larger than a slab gets one of its own');
  queue.take();
  const giant = queue.take();
  t.ok((giant?.writer.memory.byteLength ?? 0) > 5000);
  if (giant) queue.release(giant);
  queue.append(aRecord(4));
  t.equal(queue.take()?.writer.memory.byteLength, 200, 'and the next one is as usual');
  t.equal(queue.take(), null);
});

t.test('only what is accepted without a hole before it may be committed', async (t) => {
  const log = new CommitLog();
  log.open(1, 10);
  t.same(log.due(), []);
  log.received(1, 30);
  const [first, second] = [log.begin(1, 20), log.begin(1, 30)];
  let isSettled = false;
  const settled = log.settledAll(1).then(() => {
    isSettled = true;
  });
  second();
  t.same(log.due(), [], 'the first one is still on its way');
  await Promise.resolve();
  t.notOk(isSettled);
  first();
  await settled;
  t.same(log.due(), [{ slot: 1, nextOffset: 30 }]);
  log.committed(1, 30);
  t.same(log.due(), []);
  await log.settledAll(1);
  log.skip(1, 50);
  t.same(log.due(), [{ slot: 1, nextOffset: 50 }]);
  log.received(1, 60);
  const closed = log.settledAll(1);
  log.close(1);
  await closed;
  log.begin(1, 70)();
  log.received(1, 70);
  log.committed(1, 70);
  t.same(log.due(), [], 'a closed slot is nobody');
});

t.test('interest is followed by sequence numbers, and a jump changes nothing', async (t) => {
  const deltas: PlanDelta[] = [];
  const table = new InterestTable((delta) => deltas.push(delta));
  const interest = (channel: string, generation: number) => ({ channel, topicId: 1, generation, plan: {} });
  const change = (
    seq: number,
    add: ReturnType<typeof interest>[],
    remove: { channel: string; generation: number }[] = [],
  ) => table.applyChange({ edgeId: 'e', seq, add, remove });
  t.equal(change(3, [interest('a', 1)]), 'jump', 'an unknown edge that is not at its first change');
  t.same(deltas, []);
  table.replace('e', 3, [interest('a', 1), interest('b', 2)]);
  t.same(
    deltas.map(({ kind }) => kind),
    ['add', 'add'],
  );
  t.equal(change(3, [interest('x', 9)]), 'stale');
  t.equal(change(4, [interest('a', 5)], [{ channel: 'a', generation: 1 }]), 'applied');
  t.equal(change(5, [], [{ channel: 'a', generation: 1 }]), 'applied', 'an old removal');
  t.equal(change(7, [interest('x', 9)]), 'jump');
  table.replace('e', 4, []);
  t.equal(table.channelCount, 2, 'an older reading is left alone');
  t.same(
    deltas.splice(0).map(({ kind }) => kind),
    ['add', 'add', 'remove', 'add'],
  );
  table.replace('e', 7, [interest('a', 5), interest('c', 6)]);
  t.match(deltas.splice(0), [
    { kind: 'remove', channel: 'b' },
    { kind: 'add', channel: 'c' },
  ]);
  t.same([table.edgeIds(), table.seqOf('e'), table.seqOf('f')], [['e'], 7, -1]);
  table.drop('e');
  table.drop('e');
  t.same(deltas, [{ kind: 'drop-lane', lane: 'e' }]);
  t.equal(change(1, [interest('a', 1)]), 'applied', 'the first change of an edge needs nothing before it');
});

t.test('deltas that wait keep only the last word on a channel', async (t) => {
  const queue = new DeltaQueue();
  const add = (channel: string, generation: number): PlanDelta => ({
    kind: 'add',
    lane: 'e',
    channel,
    generation,
    topicId: 1,
    plan: {},
  });
  const remove = (channel: string): PlanDelta => ({ kind: 'remove', lane: 'e', channel, generation: 1 });
  t.ok(queue.isEmpty);
  for (const delta of [
    add('a', 1),
    add('b', 1),
    { kind: 'close', slot: 1 },
    { kind: 'close', slot: 2 },
    remove('a'),
  ] as PlanDelta[])
    queue.push(delta);
  t.same(
    queue.takeAll().map(({ kind }) => kind),
    ['add', 'close', 'close', 'remove'],
  );
  queue.push(add('a', 1));
  queue.push({ kind: 'schema', schemaId: 1, text: '' });
  queue.push({ kind: 'drop-lane', lane: 'e' });
  t.same(
    queue.takeAll().map(({ kind }) => kind),
    ['schema', 'drop-lane'],
  );
  t.ok(queue.isEmpty);
});

t.test('a lease is held from the moment its proof was sent, and waiters go on with the next proof', async (t) => {
  let nowMs = 1000;
  const lease = new Lease(() => nowMs);
  t.notOk(lease.isHeld);
  const waiting = lease.held();
  lease.prove(nowMs);
  await waiting;
  t.ok(lease.isHeld);
  nowMs += LEASE_MS - 1;
  t.ok(lease.isHeld);
  nowMs += 1;
  t.notOk(lease.isHeld, 'fenced');
  lease.prove(1000);
  t.notOk(lease.isHeld, 'a proof that took too long is none');
});

t.test('a replay range begins in its own record, ends where Kafka ends, and knows what is gone', async (t) => {
  const log = { lowOffset: 10, highOffset: 20 };
  const end = (offset: number) => ({ offset, index: END_OF_RECORD });
  t.equal(firstOffsetAfter({ offset: 4, index: 2 }), 4);
  t.equal(firstOffsetAfter(end(4)), 5);
  t.equal(firstOffsetAfter(end(-1)), 0);
  t.same(planRange({ from: end(11), to: end(15) }, log), { expiredTo: null, from: end(11), until: end(15) });
  t.same(planRange({ from: end(9), to: end(50) }, log), { expiredTo: null, from: end(9), until: end(19) });
  t.same(planRange({ from: end(8), to: end(15) }, log), { expiredTo: end(9), from: end(9), until: end(15) });
  t.same(planRange({ from: end(1), to: end(5) }, log), { expiredTo: end(5), from: end(5), until: end(5) });
  t.same(planRange({ from: end(25), to: end(30) }, log), { expiredTo: null, from: end(25), until: end(25) });
  t.same(
    [5, 15, 20, 30].map((offset) => inRange(offset, log)),
    [10, 15, 20, 20],
  );
});
