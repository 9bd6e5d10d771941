// Assignment: everything is owned, evenly, with few moves.

import fc from 'fast-check';
import t from 'tap';
import {
  assign,
  type PartitionKey,
  partitionKey,
  type WeightedPartition,
} from '../../../control-plane/ownership/assign.ts';

const partitionsOf = (count: number, weight = 1): WeightedPartition[] =>
  Array.from({ length: count }, (_, i) => ({ key: partitionKey(1, i), weight }));
const workersOf = (count: number): string[] => Array.from({ length: count }, (_, i) => `w${i}`);

function countsOf(owners: ReadonlyMap<PartitionKey, string>, workers: readonly string[]): number[] {
  return workers.map((worker) => [...owners.values()].filter((owner) => owner === worker).length);
}
const spread = (counts: readonly number[]): number => Math.max(...counts) - Math.min(...counts);
const movesBetween = (before: ReadonlyMap<PartitionKey, string>, after: ReadonlyMap<PartitionKey, string>): number =>
  [...after].filter(([key, owner]) => before.has(key) && before.get(key) !== owner).length;

t.test('without a worker nothing is assigned', async (t) => {
  t.equal(assign(partitionsOf(3), [], new Map()).size, 0);
});

t.test('every partition has exactly one live owner, and counts differ by at most one', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 40 }),
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.integer({ min: 0, max: 11 }), { maxLength: 40 }),
      (partitions, workerCount, formerOwners) => {
        const workers = workersOf(workerCount);
        const current = new Map(formerOwners.map((owner, i) => [partitionKey(1, i), `w${owner}`]));
        const owners = assign(partitionsOf(partitions), workers, current);
        const counts = countsOf(owners, workers);
        return owners.size === partitions && counts.reduce((a, b) => a + b, 0) === partitions && spread(counts) <= 1;
      },
    ),
    { numRuns: 300 },
  );
});

t.test('a worker that joins takes its share and nothing else moves', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 7 }), (partitions, workerCount) => {
      const before = assign(partitionsOf(partitions), workersOf(workerCount), new Map());
      const after = assign(partitionsOf(partitions), workersOf(workerCount + 1), before);
      const newcomer = `w${workerCount}`;
      const moved = movesBetween(before, after);
      const taken = [...after.values()].filter((owner) => owner === newcomer).length;
      return moved === taken && moved === Math.floor(partitions / (workerCount + 1));
    }),
    { numRuns: 200 },
  );
});

t.test('when a worker leaves only its partitions move', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: 2, max: 8 }),
      fc.nat(),
      (partitions, count, pick) => {
        const workers = workersOf(count);
        const gone = `w${pick % count}`;
        const before = assign(partitionsOf(partitions), workers, new Map());
        const after = assign(
          partitionsOf(partitions),
          workers.filter((worker) => worker !== gone),
          before,
        );
        const owned = [...before.values()].filter((owner) => owner === gone).length;
        return movesBetween(before, after) === owned;
      },
    ),
    { numRuns: 200 },
  );
});

t.test('a balanced assignment stays as it is, and the order of the arguments does not matter', async () => {
  const weighted = fc.array(fc.integer({ min: 2, max: 20 }), { maxLength: 30 });
  fc.assert(
    fc.property(weighted, fc.integer({ min: 1, max: 6 }), (quarters, workerCount) => {
      const partitions = quarters.map((quarter, i) => ({ key: partitionKey(1, i), weight: quarter / 4 }));
      const first = assign(partitions, workersOf(workerCount), new Map());
      const again = assign(partitions.toReversed(), workersOf(workerCount).toReversed(), first);
      return movesBetween(first, again) === 0 && again.size === first.size;
    }),
    { numRuns: 200 },
  );
});

t.test('a heavy partition gets a worker with fewer others', async (t) => {
  const partitions = [{ key: partitionKey(1, 0), weight: 4 }, ...partitionsOf(5).slice(1)];
  const owners = assign(partitions, ['a', 'b'], new Map());
  const heavy = owners.get(partitionKey(1, 0));
  t.equal([...owners.values()].filter((owner) => owner === heavy).length, 1);
});

t.test('a load that is too uneven is moved, one partition that is all of it is not', async (t) => {
  const current = new Map(partitionsOf(4).map(({ key }) => [key, 'a']));
  t.same(countsOf(assign(partitionsOf(4), ['a', 'b'], current), ['a', 'b']), [2, 2]);
  const [only] = partitionsOf(1, 8);
  t.ok(only);
  if (only) t.equal(assign([only], ['a', 'b'], new Map([[only.key, 'b']])).get(only.key), 'b');
});
