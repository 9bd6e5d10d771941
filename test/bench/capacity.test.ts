import assert from 'node:assert/strict';
import t from 'tap';
import { modelText, sizingText } from '../../bench/capacity/capacity-text.ts';
import { checkModel, fitCosts } from '../../bench/capacity/cost-model.ts';
import { costSamples, measuredWeights, rangeWarnings } from '../../bench/capacity/measured.ts';
import { sizeFor } from '../../bench/capacity/size-for.ts';
import { aFigure, aResult, aRun, aSuite } from './a-result.ts';

const runs = [
  aRun({ rate: 100_000 }),
  aRun({ rate: 400_000, matches: 400_000 }),
  aRun({ rate: 1_000_000 }),
  aRun({ rate: 10_000, matches: 100_000, received: 100_000_000, expected: 100_000_000 }),
  aRun({ rate: 200_000, matches: 2_000_000, received: 4_000_000, expected: 4_000_000 }),
  aRun({ rate: 50_000, matches: 500_000 }),
];

t.test('runs that failed, lost something or have no CPU times are not fitted on', async () => {
  const spoilt = [
    aRun({ rate: 1000, failures: ['the generator was saturated'] }),
    aRun({ rate: 1000, received: 99, expected: 100 }),
    aRun({ rate: 1000, cpuSeconds: { edge: 1 } }),
  ];
  const result = aResult({ suites: [aSuite({ suite: 'firehose', runs: [...spoilt, aRun({ rate: 5000 })] })] });
  assert.deepEqual(
    costSamples(result).map(({ name }) => name),
    ['firehose: 5000/s'],
  );
});

t.test('what was sent before the measured time costs nothing in it', async () => {
  const run = aRun({ rate: 5000, produced: 1_000_000 });
  const [sample] = costSamples(aResult({ suites: [aSuite({ suite: 'firehose', runs: [run] })] }));
  assert.equal(sample?.work.millionEvents, 0.05);
});

t.test('from measured runs to how many of everything, with the error of the model', async () => {
  const figures = [aFigure({ id: 'connections.idleBytes', value: 8000 })];
  const result = aResult({ suites: [aSuite({ suite: 'firehose', runs, figures })] });
  const samples = costSamples(result);
  const weights = measuredWeights(samples, result);
  assert.equal(Math.round(weights.eventBytes), 180);
  assert.equal(Math.round(weights.laneBytesPerMatch), 300);
  const target = {
    eventsPerSecond: 2e6,
    subscribers: 1000,
    matchesPerEvent: 0.1,
    subscribersPerChannel: 1,
    eventBytes: weights.eventBytes,
  };
  const models = fitCosts(samples);
  const text = sizingText(target, sizeFor(target, models, weights)) + modelText(models, checkModel(samples));
  assert.match(text, /2M events\/s of 180 bytes, 1k subscribers, 200k deliveries\/s/);
  assert.match(text, /worker, kernel threads +0\.50/);
  assert.match(text, /360 MB\/s from Kafka/);
  assert.match(text, /memory of connections: 8 MB/);
  assert.match(text, /typical error \d+ %/);
});

t.test('a target beyond what was measured is warned of', async () => {
  const samples = costSamples(aResult({ suites: [aSuite({ suite: 'firehose', runs })] }));
  const inside = {
    eventsPerSecond: 1e6,
    subscribers: 1,
    matchesPerEvent: 0.1,
    subscribersPerChannel: 1,
    eventBytes: 180,
  };
  assert.deepEqual(rangeWarnings(samples, inside), []);
  assert.match(rangeWarnings(samples, { ...inside, eventsPerSecond: 2e7 }).join(), /highest measured rate is 1000000/);
  assert.match(rangeWarnings(samples, { ...inside, matchesPerEvent: 50 }).join(), /not 50/);
  const [first] = samples;
  assert.match(rangeWarnings(first ? [first, first] : [], inside).join(), /cannot be told apart/);
});
