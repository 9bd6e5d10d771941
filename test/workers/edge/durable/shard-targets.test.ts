// Who should have which shard: everybody computes the same, loads are equal, and few shards move.

import fc from 'fast-check';
import t from 'tap';
import { fnv1a32, shardOf } from '../../../../schemas/shard-of.ts';
import { shardTargets } from '../../../../workers/edge/durable/shard-targets.ts';

const present = (...names: string[]) => names.map((consumer, i) => ({ consumer, joinedMs: i }));
const loadsOf = (targets: ReadonlyMap<number, string>, names: readonly string[]): number[] =>
  names.map((name) => [...targets.values()].filter((target) => target === name).length);

t.test('the hash is the published FNV-1a, so that others can compute shards too', async (t) => {
  t.equal(fnv1a32(''), 0x811c9dc5);
  t.equal(fnv1a32('a'), 0xe40c292c);
  t.equal(fnv1a32('foobar'), 0xbf9cf968);
  t.equal(shardOf('["ü"]', 7), fnv1a32('["ü"]') % 7);
});

t.test('without a group the longest present consumer is active', async (t) => {
  const consumers = [
    { consumer: 'b', joinedMs: 20 },
    { consumer: 'c', joinedMs: 10 },
    { consumer: 'a', joinedMs: 20 },
  ];
  t.same([...shardTargets(1, consumers, false)], [[0, 'c']]);
  t.same(
    [
      ...shardTargets(
        1,
        [consumers[0], consumers[2]].filter((one) => one !== undefined),
        false,
      ),
    ],
    [[0, 'a']],
  );
  t.same([...shardTargets(1, [], false)], []);
});

const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 9 });

t.test(
  'every shard has one consumer, and no consumer two more than another, in whatever order they are listed',
  async (t) => {
    fc.assert(
      fc.property(names, fc.integer({ min: 1, max: 64 }), (all, shards) => {
        const targets = shardTargets(shards, present(...all), true);
        const loads = loadsOf(targets, all);
        const other = shardTargets(shards, present(...all.toReversed()), true);
        return (
          targets.size === shards &&
          Math.max(...loads) - Math.min(...loads) <= 1 &&
          [...targets].every(([shard, name]) => other.get(shard) === name)
        );
      }),
      { numRuns: 200 },
    );
    t.pass();
  },
);

t.test('when one of eight consumers goes, about its own share moves', async (t) => {
  let moved = 0;
  const rounds = 100;
  for (let round = 0; round < rounds; round++) {
    const all = Array.from({ length: 8 }, (_, i) => `consumer-${round}-${i}`);
    const before = shardTargets(64, present(...all), true);
    const after = shardTargets(64, present(...all.slice(1)), true);
    for (const [shard, name] of before) if (after.get(shard) !== name) moved += 1;
  }
  t.ok(moved / rounds < 2.5 * 8, `${moved / rounds} of 64 shards moved; 8 had to`);
  t.comment(`${moved / rounds} of 64 shards moved; 8 had to`);
});
