import t from 'tap';
import { withCeilingRatios } from '../../bench/ceiling-ratios.ts';
import type { CeilingsData } from '../../bench/suites/ceilings/ceilings.ts';
import { aRun, aSuite } from './a-result.ts';

const spread = (median: number) => ({ median, min: median, max: median, samples: [median] });
const CEILINGS: CeilingsData = {
  kafka: {
    recordEvents: 500,
    recordBytes: 100_000,
    eventsPerSecond: spread(5e6),
    megabytesPerSecond: spread(1000),
    cpuSecondsPerMillionEvents: spread(0.1),
  },
  redis: [
    {
      messageBytes: 4096,
      messagesPerSecond: spread(1e5),
      megabytesPerSecond: spread(400),
      cpuSecondsPerGigabyte: { publisher: spread(1), redis: spread(2), subscriber: spread(1) },
    },
  ],
  webSocket: [],
};

t.test('a tier is compared with its library by CPU time for a gigabyte, where it moved most', async (t) => {
  const ceilings = aSuite({ suite: 'ceilings', runs: [], figures: [], ceilings: CEILINGS });
  const firehose = aSuite({
    suite: 'firehose',
    runs: [
      aRun({ rate: 1, megabytesIn: 100, laneMegabytes: 50, cpuSeconds: { workerMain: 9, redis: 9 } }),
      aRun({ rate: 2, megabytesIn: 1000, laneMegabytes: 500, cpuSeconds: { workerMain: 1, redis: 4 } }),
    ],
  });
  const figures = withCeilingRatios([ceilings, firehose])[0]?.figures.map(({ id, value }) => [id, value]);
  t.strictSame(figures, [
    ['ceilingRatio.worker', 0.5],
    ['ceilingRatio.redis', 0.25],
  ]);
});

t.test('without ceilings nothing is compared', async (t) => {
  const suites = [aSuite({ suite: 'firehose' })];
  t.equal(withCeilingRatios(suites), suites);
});
