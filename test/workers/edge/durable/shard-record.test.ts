// Ledger counts and trail entries on their way to Redis: absolute within a minute, each counted once.

import t from 'tap';
import { ShardRecord } from '../../../../workers/edge/durable/shard-record.ts';

const OWNER = { shard: 2, epoch: 5, consumer: 'one', edgeId: 'e' };
const aRecord = () => new ShardRecord(() => OWNER, 0);
const at = (offset: number) => ({ offset, index: 0 });

t.test('counts are absolute within their minute, so that a write that is repeated changes nothing', async (t) => {
  const record = aRecord();
  record.count('sent', 10, 3);
  const first = record.snapshot();
  record.count('sent', 20, 2);
  record.onStored(first, 30);
  t.same(record.snapshot(), { minute: 0, counts: [['sent', 5]], trail: [] });
});

t.test('what is stored is not written again', async (t) => {
  const record = aRecord();
  record.count('sent', 10);
  record.add('sent', 0, at(1), '', 10);
  record.onStored(record.snapshot(), 20);
  t.same(record.snapshot(), { minute: 0, counts: [], trail: [] });
});

t.test('a new minute begins with what was not stored in the old one', async (t) => {
  const record = aRecord();
  record.count('acknowledged', 59_000, 4);
  const first = record.snapshot();
  record.count('acknowledged', 61_000);
  t.equal(record.snapshot().minute, 0, 'the old minute is stored first');
  record.onStored(first, 61_000);
  t.same(record.snapshot(), { minute: 1, counts: [['acknowledged', 1]], trail: [] });
});

t.test('after a silence, counting begins in the present minute', async (t) => {
  const record = aRecord();
  record.count('sent', 0);
  record.onStored(record.snapshot(), 0);
  record.count('sent', 600_000);
  t.same(record.snapshot(), { minute: 10, counts: [['sent', 1]], trail: [] });
});

t.test('under a new epoch only what no epoch has counted is counted', async (t) => {
  const record = aRecord();
  record.count('sent', 0, 4);
  record.onStored(record.snapshot(), 0);
  record.count('sent', 1);
  record.onNewEpoch(2);
  t.same(record.snapshot().counts, [['sent', 1]]);
});

t.test('equal things that happen in a row are one entry of the trail, of bounded length', async (t) => {
  const record = aRecord();
  for (let offset = 0; offset < 150; offset++) record.add('sent', 0, at(offset), '', 7);
  record.add('negative', 0, at(1), 'no', 8);
  record.add('negative', 1, at(1), 'no', 8);
  const { trail } = record.snapshot();
  t.same(
    trail.map(({ what, partition, cursors }) => [what, partition, cursors.length]),
    [
      ['sent', 0, 100],
      ['sent', 0, 50],
      ['negative', 0, 1],
      ['negative', 1, 1],
    ],
  );
  t.match(trail[2], { ...OWNER, atMs: 8, reason: 'no', cursors: [[1, 0]] });
});

t.test('while Redis is away the oldest entries of the trail go, and no count', async (t) => {
  const record = aRecord();
  for (let i = 0; i < 1200; i++) {
    record.add(i % 2 === 0 ? 'sent' : 'acknowledged', 0, at(i), '', 0);
    record.count('sent', 0);
  }
  const { trail, counts } = record.snapshot();
  t.equal(trail.length, 1000);
  t.same(trail[0]?.cursors, [[200, 0]]);
  t.same(counts, [['sent', 1200]]);
});
