// How near each tier comes to what its library can do by itself: CPU time of the library alone for a gigabyte, of that of the
// tier in a suite, in the run that moved most. 1 would be a tier that does nothing besides.

import { figureOnce } from './figure.ts';
import type { Figure, LoadRun, SuiteResult } from './result.ts';

/** The suites, with the ratios among the figures of `ceilings`; unchanged when that or the suites compared were not run. */
export function withCeilingRatios(suites: readonly SuiteResult[]): readonly SuiteResult[] {
  const ceilings = suites.find(({ ceilings: measured }) => measured !== undefined);
  if (!ceilings) return suites;
  const ratios = ratioFigures(ceilings, suites);
  return suites.map((suite) => (suite === ceilings ? { ...suite, figures: [...suite.figures, ...ratios] } : suite));
}

function ratioFigures({ ceilings }: SuiteResult, suites: readonly SuiteResult[]): Figure[] {
  const firehose = busiest(suites, 'firehose', ({ megabytesIn }) => megabytesIn);
  const fanout = busiest(suites, 'fanout', ({ deliveriesPerSecond }) => deliveriesPerSecond);
  const { kafka = null, redis = [], webSocket = [] } = ceilings ?? {};
  const figures: Figure[] = [];
  if (kafka && firehose) {
    const gigabytesOfMillion = (kafka.recordBytes / kafka.recordEvents) * 1e-3;
    const alone = kafka.cpuSecondsPerMillionEvents.median / gigabytesOfMillion;
    figures.push(
      ratio(
        'worker',
        'worker main thread (consumes, publishes), of node-rdkafka alone',
        alone,
        used(firehose, 'workerMain', firehose.megabytesIn),
      ),
    );
  }
  const [smallest] = [...redis].sort((a, b) => a.messageBytes - b.messageBytes);
  if (smallest && firehose) {
    const alone = smallest.cpuSecondsPerGigabyte.redis.median;
    figures.push(
      ratio(
        'redis',
        `Redis, of itself with messages of ${smallest.messageBytes} bytes`,
        alone,
        used(firehose, 'redis', firehose.laneMegabytes),
      ),
    );
  }
  const loops = webSocket.filter(({ method }) => method === 'loop').sort((a, b) => b.frameEvents - a.frameEvents);
  const [largest] = loops;
  if (largest && fanout) {
    const gigabytesOfMillion = (largest.frameBytes / largest.frameEvents) * 1e-3;
    const alone = largest.cpuSecondsPerMillionDeliveries.server.median / gigabytesOfMillion;
    const seconds = fanout.seconds + fanout.warmupSeconds; // the clients count their bytes from the warm-up on
    figures.push(
      ratio(
        'edge',
        'edge, of uWebSockets.js alone',
        alone,
        used(fanout, 'edge', (fanout.clientMegabytes * fanout.seconds) / seconds),
      ),
    );
  }
  return figures;
}

/** CPU-seconds of a tier for a gigabyte. */
const used = ({ cpuSeconds }: LoadRun, tier: 'workerMain' | 'redis' | 'edge', megabytes: number): number =>
  (cpuSeconds[tier] ?? 0) / (megabytes / 1000);

function busiest(suites: readonly SuiteResult[], name: string, by: (run: LoadRun) => number): LoadRun | undefined {
  const runs = suites.find(({ suite }) => suite === name)?.runs.filter(({ failures }) => failures.length === 0) ?? [];
  return [...runs].sort((a, b) => by(b) - by(a))[0];
}

const ratio = (tier: string, label: string, alone: number, seen: number): Figure =>
  figureOnce(`ceilingRatio.${tier}`, label, 'ratio of CPU for a gigabyte', 'higher', alone / seen);
