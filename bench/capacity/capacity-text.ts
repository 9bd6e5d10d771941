// The answer of `make capacity` as text. Pure.

import { columns } from '../compare/comparison-text.ts';
import { byteCount, shortNumber } from '../report/numbers.ts';
import { type Estimate, type Foretold, TIERS, type Tier, type TierModel, type Work } from './cost-model.ts';
import { BUSY_SHARE, type Sizing, type Target } from './size-for.ts';

const TIER_NAMES: Readonly<Record<Tier, string>> = {
  broker: 'Kafka broker',
  workerMain: 'worker, main thread',
  kernel: 'worker, kernel threads',
  redis: 'Redis',
  edge: 'edge',
};
const WORK_NAMES: Readonly<Record<Work, string>> = {
  seconds: 'second, idle or not',
  millionEvents: 'million events in',
  megabytesIn: 'MB in',
  millionMatches: 'million matches',
  laneMegabytes: 'MB on lanes',
  millionDeliveries: 'million deliveries',
  clientMegabytes: 'MB to clients',
};

export function sizingText(target: Target, sizing: Sizing): string {
  const { megabytesPerSecond, edgeConnectionMegabytes } = sizing;
  const deliveries = target.eventsPerSecond * target.matchesPerEvent * target.subscribersPerChannel;
  const lines = [
    `For ${shortNumber(target.eventsPerSecond)} events/s of ${target.eventBytes.toFixed(0)} bytes, ` +
      `${shortNumber(target.subscribers)} subscribers, ${shortNumber(deliveries)} deliveries/s:`,
    '',
    ...columns([
      ['', 'cores', 'from – to', 'how many'],
      ...TIERS.map((tier) => [
        TIER_NAMES[tier],
        cores(sizing.cores[tier].value),
        range(sizing.cores[tier]),
        countText(tier, sizing),
      ]),
      ['all together', cores(sizing.totalCores.value), range(sizing.totalCores), ''],
    ]),
    '',
    `partitions: ${sizing.partitions} or more`,
    `network: ${shortNumber(megabytesPerSecond.fromKafka)} MB/s from Kafka, ` +
      `${shortNumber(megabytesPerSecond.lanes)} MB/s into and as much out of Redis, ` +
      `${shortNumber(megabytesPerSecond.toClients)} MB/s to clients`,
    edgeConnectionMegabytes === null
      ? 'memory of connections: not measured (suite connections)'
      : `memory of connections: ${byteCount(edgeConnectionMegabytes * 1e6)} on the edges`,
    `Processes are counted so that none is more than ${BUSY_SHARE * 100} % busy; add what you want to be able to lose.`,
  ];
  return `${lines.join('\n')}\n`;
}

export function modelText(models: readonly TierModel[], checks: readonly Foretold[]): string {
  const rows = models.flatMap(({ tier, coefficients }) =>
    coefficients.map(({ work, value, low, high }) => [
      TIER_NAMES[tier],
      WORK_NAMES[work],
      value.toPrecision(3),
      `${low.toPrecision(2)} – ${high.toPrecision(2)}`,
    ]),
  );
  const lines = [
    'Costs, fitted to the measured runs (CPU-seconds; the range is what they become when any one run is left out):',
    ...columns([['', 'for each', 'CPU-s', 'from – to'], ...rows]),
    '',
    'The model against runs it was not fitted on (each left out once, then foretold):',
    ...columns([['run', 'tier', 'measured CPU-s', 'foretold', 'error'], ...checks.map(checkRow)]),
    `typical error ${percent(median(checks.map(({ error }) => Math.abs(error))))}, worst ${percent(Math.max(...checks.map(({ error }) => Math.abs(error))))}`,
  ];
  return `${lines.join('\n')}\n`;
}

function countText(tier: Tier, sizing: Sizing): string {
  switch (tier) {
    case 'broker':
      return 'as Kafka needs for replication and disks';
    case 'workerMain':
      return `${sizing.workers} worker${sizing.workers === 1 ? '' : 's'}`;
    case 'kernel':
      return `${sizing.kernelThreads} thread${sizing.kernelThreads === 1 ? '' : 's'} over all workers`;
    case 'redis':
      return `${sizing.redisShards} shard${sizing.redisShards === 1 ? '' : 's'}`;
    case 'edge':
      return `${sizing.edges} edge${sizing.edges === 1 ? '' : 's'}`;
  }
}

const checkRow = ({ name, tier, measured, foretold, error }: Foretold): string[] => [
  name,
  TIER_NAMES[tier],
  measured.toFixed(3),
  foretold.toFixed(3),
  `${error > 0 ? '+' : ''}${percent(error)}`,
];

const cores = (value: number): string => value.toFixed(2);
const range = ({ low, high }: Estimate): string => `${low.toFixed(2)} – ${high.toFixed(2)}`;
const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
