// A comparison as a table in a terminal, and as blocks of a page.

import type { Cell, ReportPage } from '../report/blocks.ts';
import { shortNumber } from '../report/numbers.ts';
import type { Figure } from '../result.ts';
import type { Comparison, Verdict } from './compare.ts';

const WORDS: Readonly<Record<Verdict, string>> = {
  better: 'better',
  worse: 'WORSE',
  same: 'within the spread',
  unsure: 'differs, spread not known',
};
const TONES = { better: 'good', worse: 'bad', same: 'quiet', unsure: 'quiet' } as const;

export function comparisonText({ figures, onlyA, onlyB, warnings }: Comparison): string {
  const rows = figures.map(({ label, unit, a, b, ratio, verdict }) => [
    `${label} (${unit})`,
    withRange(a),
    withRange(b),
    `× ${ratio.toFixed(3)}`,
    WORDS[verdict],
  ]);
  const lines = [
    ...warnings.map((warning) => `! ${warning}`),
    ...columns([['figure', 'A', 'B', 'B / A', ''], ...rows]),
    ...only('A', onlyA),
    ...only('B', onlyB),
  ];
  return `${lines.join('\n')}\n`;
}

export function comparisonPage({ figures, warnings }: Comparison, nameA: string, nameB: string): ReportPage {
  const rows = figures.map(({ label, unit, a, b, ratio, verdict }): Cell[] => [
    label,
    unit,
    { text: shortNumber(a.value), note: range(a) },
    { text: shortNumber(b.value), note: range(b) },
    { text: ratio.toFixed(3), tone: TONES[verdict] },
    { text: WORDS[verdict], tone: TONES[verdict] },
  ]);
  return {
    title: 'Two bench results compared',
    subtitle: `A: ${nameA} · B: ${nameB}`,
    failures: [],
    warnings,
    sections: [
      {
        id: 'figures',
        title: 'Figures',
        intro: 'Better and worse: the ranges of the repetitions do not touch.',
        failures: [],
        blocks: [
          { kind: 'table', title: 'All figures of both', head: ['figure', 'unit', 'A', 'B', 'B / A', ''], rows },
        ],
      },
    ],
  };
}

const range = ({ low, high }: Figure): string => `${shortNumber(low)} – ${shortNumber(high)}`;
const withRange = (figure: Figure): string => `${shortNumber(figure.value)} (${range(figure)})`;

const only = (name: string, figures: readonly Figure[]): string[] =>
  figures.length === 0 ? [] : [`only in ${name}: ${figures.map(({ label }) => label).join('; ')}`];

export function columns(rows: readonly (readonly string[])[]): string[] {
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const widths = (rows[0] ?? []).map((_, column) => width(column));
  return rows.map((row) =>
    row
      .map((text, i) => text.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
