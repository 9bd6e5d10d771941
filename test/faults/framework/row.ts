// One line of the table of runs, and what must be zero in it.

import { type Counts, sumOfCounts } from './account.ts';

export interface Row {
  readonly id: string;
  readonly title: string;
  readonly seed: number;
  readonly seconds: number;
  readonly produced: number;
  /** Subscriptions that live with a connection, as the library's user sees them. */
  readonly ephemeral: Counts;
  /** Subscribers by name that acknowledge; null: none in this run. */
  readonly durable: Counts | null;
  /** What else is worth a look: figures, and how clients got on. */
  readonly notes: readonly string[];
  /** Why the run failed besides its counts; empty: it did not. */
  readonly problems: readonly string[];
}

const COLUMNS = [
  'run',
  'seed',
  's',
  'produced',
  'expected',
  'received',
  'lost',
  'silently lost',
  'duplicate',
  'unexpected',
  'out of order',
  'cross-tenant',
  'durable lost',
  'result',
] as const;

/** What is wrong with a run; empty: nothing. */
export function faultsOfRow({ ephemeral, durable, problems }: Row): readonly string[] {
  const all = durable === null ? ephemeral : sumOfCounts([ephemeral, durable]);
  const zeros: readonly (readonly [string, number])[] = [
    ['silently lost', all.silentlyLost],
    ['duplicate', all.duplicate],
    ['unexpected', all.unexpected],
    ['out of order', all.outOfOrder],
    ['cross-tenant', all.foreign],
    ['durable lost', durable?.lost ?? 0],
  ];
  return [...zeros.filter(([, count]) => count > 0).map(([name, count]) => `${count} ${name}`), ...problems];
}

export function cellsOf(row: Row): readonly string[] {
  const all = row.durable === null ? row.ephemeral : sumOfCounts([row.ephemeral, row.durable]);
  const faults = faultsOfRow(row);
  const result = faults.length === 0 ? 'ok' : 'FAILED';
  return [
    row.id,
    String(row.seed),
    row.seconds.toFixed(0),
    ...[row.produced, all.expected, all.received, all.lost, all.silentlyLost, all.duplicate].map(String),
    ...[all.unexpected, all.outOfOrder, all.foreign].map(String),
    row.durable === null ? '–' : String(row.durable.lost),
    result,
  ];
}

/** For a terminal: names over columns of a fixed width. */
export const headLine = (): string => COLUMNS.map((name, at) => name.padStart(widthOf(at))).join(' ');

export const rowLine = (row: Row): string =>
  cellsOf(row)
    .map((cell, at) => cell.padStart(widthOf(at)))
    .join(' ');

const widthOf = (at: number): number => Math.max(COLUMNS[at]?.length ?? 0, at === 1 ? 10 : 8);

/** For docs/faults.md. */
export function markdownTable(rows: readonly Row[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const head = [...COLUMNS, 'what was done', 'seen'];
  const marks = head.map((_, at) => (at === 0 || at >= COLUMNS.length - 1 ? '---' : '---:'));
  const body = rows.map((row) => line([...cellsOf(row), row.title, row.notes.join('; ')]));
  return [line(head), line(marks), ...body].join('\n');
}

/** The last line: how many runs, and the sums that matter. */
export function totalLine(rows: readonly Row[]): string {
  const failed = rows.filter((row) => faultsOfRow(row).length > 0).length;
  const all = sumOfCounts(
    rows.flatMap(({ ephemeral, durable }) => (durable === null ? [ephemeral] : [ephemeral, durable])),
  );
  const seconds = rows.reduce((sum, row) => sum + row.seconds, 0);
  return (
    `${rows.length} runs in ${(seconds / 60).toFixed(1)} min, ${failed} failed; ${all.expected} expected, ` +
    `${all.received} received, ${all.lost} lost, ${all.silentlyLost} of them silently, ${all.duplicate} duplicate, ` +
    `${all.unexpected} unexpected, ${all.outOfOrder} out of order, ${all.foreign} cross-tenant`
  );
}
