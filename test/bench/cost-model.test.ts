import assert from 'node:assert/strict';
import t from 'tap';
import {
  type CostSample,
  checkModel,
  costOf,
  fitCosts,
  leastSquares,
  TIERS,
  type Tier,
  type WorkAmounts,
} from '../../bench/capacity/cost-model.ts';
import { sizeFor } from '../../bench/capacity/size-for.ts';

const work = (amounts: Partial<WorkAmounts>): WorkAmounts => ({
  seconds: 10,
  millionEvents: 0,
  megabytesIn: 0,
  millionMatches: 0,
  laneMegabytes: 0,
  millionDeliveries: 0,
  clientMegabytes: 0,
  ...amounts,
});

/** Runs of a service whose kernel takes 0.2 s a million events and 0.5 s a million matches, and so on. */
const runs = (kernelNoise: readonly number[] = []): CostSample[] =>
  [0.5, 1, 2, 4, 8, 16].map((millionEvents, i) => {
    const matches = millionEvents * ([0.1, 1, 0.01, 0.5, 0.1, 2][i] ?? 0);
    const amounts = work({
      millionEvents,
      megabytesIn: millionEvents * 180,
      millionMatches: matches,
      laneMegabytes: matches * 300,
      millionDeliveries: matches,
      clientMegabytes: matches * (250 + 10 * i),
    });
    const cpuSeconds: Record<Tier, number> = {
      broker: 0.3 + amounts.megabytesIn * 0.001,
      workerMain: 0.2 + amounts.megabytesIn * 0.0005 + amounts.laneMegabytes * 0.001,
      kernel: (millionEvents * 0.2 + matches * 0.5) * (1 + (kernelNoise[i] ?? 0)),
      redis: 0.1 + amounts.laneMegabytes * 0.002,
      edge: 0.1 + matches * 0.3 + amounts.clientMegabytes * 0.0002,
    };
    return { name: `run ${i}`, work: amounts, cpuSeconds };
  });

const near = (seen: number | undefined, wanted: number, share = 0.01): void =>
  assert.ok(
    Math.abs((seen ?? Number.NaN) - wanted) <= Math.abs(wanted) * share + 1e-9,
    `${seen} is not near ${wanted}`,
  );

t.test('the fit finds the costs that the runs were made with', async () => {
  const kernel = fitCosts(runs()).find(({ tier }) => tier === 'kernel');
  near(kernel?.coefficients.find(({ work }) => work === 'millionEvents')?.value, 0.2);
  near(kernel?.coefficients.find(({ work }) => work === 'millionMatches')?.value, 0.5);
});

t.test('a run that the model never saw is foretold, for every tier', async () => {
  const checks = checkModel(runs());
  assert.equal(checks.length, 6 * TIERS.length);
  for (const { error, name, tier } of checks) assert.ok(Math.abs(error) < 0.02, `${name} ${tier}: ${error}`);
});

t.test('a run that does not fit the others shows as an error of its own and widens the spread', async () => {
  const noisy = runs([0, 0, 0, 0.6]);
  const worst = checkModel(noisy)
    .filter(({ tier }) => tier === 'kernel')
    .sort((a, b) => Math.abs(b.error) - Math.abs(a.error))[0];
  assert.equal(worst?.name, 'run 3');
  near(worst?.error, 1 / 1.6 - 1); // the others are exact, and it had no say
  const kernel = fitCosts(noisy).find(({ tier }) => tier === 'kernel');
  assert.ok(kernel);
  const { low, value, high } = costOf(kernel, work({ millionEvents: 1, millionMatches: 1 }));
  assert.ok(low < value && value <= high && high - low > 0.02);
});

t.test('no cost is below zero, even where a line through the points would be', async () => {
  const [first, second] = leastSquares(
    [
      [1, 1],
      [1, 2],
      [1, 3],
    ],
    [5, 3, 1],
  );
  assert.ok((first ?? -1) >= 0 && (second ?? -1) >= 0);
});

t.test('too few runs to fit are an error and not a guess', async () => {
  assert.throws(() => fitCosts(runs().slice(0, 1)), /too few/);
});

t.test('a target is turned into processes that are at most 70 % busy', async () => {
  const target = {
    eventsPerSecond: 2e6,
    subscribers: 1000,
    matchesPerEvent: 0.1,
    subscribersPerChannel: 1,
    eventBytes: 180,
  };
  const weights = { laneBytesPerMatch: 300, clientBytesPerDelivery: 260, connectionBytes: 10_000 };
  const sizing = sizeFor(target, fitCosts(runs()), weights);
  near(sizing.cores.kernel.value, 2 * 0.2 + 0.2 * 0.5);
  assert.equal(sizing.kernelThreads, 1);
  assert.equal(sizing.partitions, 2);
  near(sizing.megabytesPerSecond.fromKafka, 360);
  near(sizing.megabytesPerSecond.toClients, 52);
  near(sizing.edgeConnectionMegabytes ?? Number.NaN, 10);
  const tenfold = sizeFor({ ...target, eventsPerSecond: 2e7 }, fitCosts(runs()), weights);
  assert.equal(tenfold.kernelThreads, Math.ceil(5 / 0.7));
});
