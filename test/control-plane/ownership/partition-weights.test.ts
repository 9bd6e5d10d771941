// Weights of partitions from what workers report.

import t from 'tap';
import { partitionKey } from '../../../control-plane/ownership/assign.ts';
import { PartitionWeights, weightsOf } from '../../../control-plane/ownership/partition-weights.ts';
import { aWorker } from '../builders.ts';

const at = (nextOffset: number, lagRecords: number, partition = 0) => ({
  topicId: 1,
  partition,
  epoch: 1,
  nextOffset,
  lagRecords,
});

t.test('a partition weighs half for being one and half for its share of the records', async (t) => {
  const weights = weightsOf(
    new Map([
      [partitionKey(1, 0), 3000],
      [partitionKey(1, 1), 1000],
    ]),
  );
  t.same([...weights.values()], [1.25, 0.75]);
});

t.test('without load every partition weighs the same', async (t) => {
  t.equal(weightsOf(new Map([[partitionKey(1, 0), 50]])).size, 0);
  t.equal(weightsOf(new Map()).size, 0);
});

t.test('the rate is that of the partition’s end, and is looked at again only after a while', async (t) => {
  const weights = new PartitionWeights();
  t.equal(weights.observe([aWorker({ owned: [at(0, 0), at(0, 0, 1)] })], 0).size, 0);
  t.equal(weights.observe([aWorker({ owned: [at(1e6, 0), at(0, 0, 1)] })], 1000).size, 0, 'too early');
  const seen = weights.observe([aWorker({ owned: [at(10_000, 80_000), at(30_000, 0, 1), at(5, 5, 2)] })], 30_000);
  t.same(
    [...seen],
    [
      [partitionKey(1, 0), 1.25],
      [partitionKey(1, 1), 0.75],
    ],
  );
});
