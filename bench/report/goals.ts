// The figures that the service is to reach, and what a result says of each: met, or by how much not, or not measured.

import type { Figure, Result } from '../result.ts';
import type { Cell, TableBlock } from './blocks.ts';
import { byteCount, duration, shortNumber } from './numbers.ts';

interface Goal {
  readonly what: string;
  /** Id of the figure, or how it begins: then the worst of them counts. */
  readonly figure: string;
  readonly reach: number;
  readonly moonshot?: number;
  readonly show: (value: number) => string;
}

const perSecond =
  (unit: string) =>
  (value: number): string =>
    `${shortNumber(value)} ${unit}`;
const times = (value: number): string => `${shortNumber(value)} ×`;

const GOALS: readonly Goal[] = [
  {
    what: 'kernel, 1,000 channels, 0.1 matches/event, JSON out',
    figure: 'kernel.equality.1000.0.1',
    reach: 6e6,
    moonshot: 10e6,
    show: perSecond('events/s/core'),
  },
  {
    what: 'kernel, 20,000 channels against 1,000',
    figure: 'kernel.manyChannels',
    reach: 0.5,
    moonshot: 0.8,
    show: times,
  },
  {
    what: 'kernel against avsc decode + every filter, 1,000 channels',
    figure: 'kernel.againstEveryFilter.',
    reach: 500,
    show: times,
  },
  {
    what: 'firehose, P99 producer → client < 20 ms',
    figure: 'firehose.eventsPerSecond',
    reach: 1e6,
    moonshot: 2e6,
    show: perSecond('events/s in'),
  },
  {
    what: 'fanout, 1,000 subscribers, P99 < 20 ms',
    figure: 'fanout.deliveriesPerSecond',
    reach: 10e6,
    moonshot: 20e6,
    show: perSecond('deliveries/s'),
  },
  { what: "each tier's ratio to its raw ceiling", figure: 'ceilingRatio.', reach: 0.6, moonshot: 0.85, show: times },
  {
    what: 'subscribe → exact start, P99 under load',
    figure: 'subscribe.p99Ms',
    reach: 50,
    moonshot: 20,
    show: duration,
  },
  {
    what: 'idle connection, edge RSS',
    figure: 'connections.idleBytes',
    reach: 12_000,
    moonshot: 6000,
    show: byteCount,
  },
  {
    what: 'ingest, NDJSON batches, one core of the door',
    figure: 'ingest.ndjson.perCore',
    reach: 200_000,
    show: perSecond('events/s'),
  },
  {
    what: 'ingest, Avro batches, one core of the door',
    figure: 'ingest.avro.perCore',
    reach: 500_000,
    show: perSecond('events/s'),
  },
  {
    what: 'aggregates over the last hour of 1,000 series, P99',
    figure: 'rest.hourP99',
    reach: 50,
    show: duration,
  },
  {
    what: '5,000 reads/s on one query process, P99',
    figure: 'rest.reads.5000.p99',
    reach: 25,
    show: duration,
  },
  { what: 'replay', figure: 'replay.eventsPerSecond', reach: 1e6, show: perSecond('events/s scanned') },
];

export function goalsTable({ suites }: Result): TableBlock {
  const figures = suites.flatMap((suite) =>
    suite.figures.map((figure) => ({ figure, isVoid: suite.failures.length > 0 })),
  );
  return {
    kind: 'table',
    title: 'Figures to reach, and what was seen',
    note: 'Lowest and highest repetition below each figure. Where several figures count, the worst one is shown.',
    head: ['what', 'reach', 'moonshot', 'seen', ''],
    rows: GOALS.map((goal) => goalRow(goal, figures)),
  };
}

interface Seen {
  readonly figure: Figure;
  /** The suite that it comes of failed somewhere. */
  readonly isVoid: boolean;
}

function goalRow(goal: Goal, figures: readonly Seen[]): Cell[] {
  const { what, reach, moonshot, show } = goal;
  const asked = [what, show(reach), moonshot === undefined ? '' : show(moonshot)];
  const found = figures.filter(({ figure }) =>
    goal.figure.endsWith('.') ? figure.id.startsWith(goal.figure) : figure.id === goal.figure,
  );
  const worst = found.sort((a, b) => shareReached(goal, a.figure) - shareReached(goal, b.figure))[0];
  if (!worst) return [...asked, { text: 'not measured', tone: 'quiet' }, ''];
  const { figure, isVoid } = worst;
  const range = `${bare(show(figure.low))} – ${bare(show(figure.high))}${found.length > 1 ? ` · ${figure.label}` : ''}`;
  return [...asked, { text: show(figure.value), note: range }, verdict(goal, figure, isVoid)];
}

/** Without what kind of events they are: the figure above has it. */
const bare = (text: string): string => text.replace(/ (events|deliveries).*$/, '');

function verdict(goal: Goal, figure: Figure, isVoid: boolean): Cell {
  if (isVoid) return { text: '! its suite failed', tone: 'bad' };
  const share = shareReached(goal, figure);
  if (share < 1) return { text: `✗ ${(share * 100).toFixed(0)} % of it`, tone: 'bad' };
  const beyond = goal.moonshot !== undefined && shareReached({ ...goal, reach: goal.moonshot }, figure) >= 1;
  return { text: beyond ? '★ moonshot' : '✓ met', tone: 'good' };
}

const shareReached = ({ reach }: Pick<Goal, 'reach'>, { value, better }: Figure): number =>
  better === 'higher' ? value / reach : reach / value;
