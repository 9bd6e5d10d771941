// Two results side by side: each figure's ratio, and whether the difference is more than what repetitions differ by anyway.
// Pure.

import { busyBefore, busyText } from '../report/busy-machine.ts';
import type { Figure, Result } from '../result.ts';

/**
 * `better`, `worse`: the ranges of repetitions do not touch. `same`: they do. `unsure`: a figure was measured once, so
 * nobody knows how far it would lie from itself.
 */
export type Verdict = 'better' | 'worse' | 'same' | 'unsure';

export interface Compared {
  readonly id: string;
  readonly label: string;
  readonly unit: string;
  readonly a: Figure;
  readonly b: Figure;
  /** b / a */
  readonly ratio: number;
  readonly verdict: Verdict;
}

export interface Comparison {
  readonly figures: readonly Compared[];
  /** In one result only. */
  readonly onlyA: readonly Figure[];
  readonly onlyB: readonly Figure[];
  /** What makes the two hard to compare. */
  readonly warnings: readonly string[];
}

export function compare(a: Result, b: Result): Comparison {
  const [figuresA, figuresB] = [figuresOf(a), figuresOf(b)];
  const figures = [...figuresA.values()].flatMap((figure) => {
    const other = figuresB.get(figure.id);
    return other ? [compared(figure, other)] : [];
  });
  return {
    figures,
    onlyA: [...figuresA.values()].filter(({ id }) => !figuresB.has(id)),
    onlyB: [...figuresB.values()].filter(({ id }) => !figuresA.has(id)),
    warnings: warningsOf(a, b),
  };
}

const figuresOf = ({ suites }: Result): Map<string, Figure> =>
  new Map(suites.flatMap(({ figures }) => figures).map((figure) => [figure.id, figure]));

function compared(a: Figure, b: Figure): Compared {
  return { id: a.id, label: a.label, unit: a.unit, a, b, ratio: b.value / a.value, verdict: verdictOf(a, b) };
}

function verdictOf(a: Figure, b: Figure): Verdict {
  const touch = a.low <= b.high && b.low <= a.high;
  if (touch) return 'same';
  if (a.low === a.high || b.low === b.high) return 'unsure';
  return b.value > a.value === (a.better === 'higher') ? 'better' : 'worse';
}

function warningsOf(a: Result, b: Result): string[] {
  const warnings: string[] = [];
  const differ = (what: string, of: (result: Result) => string): void => {
    if (of(a) !== of(b)) warnings.push(`${what} differs: ${of(a)} and ${of(b)}`);
  };
  differ('the machine', ({ machine }) => `${machine.cores} × ${machine.cpu}`);
  differ('the size', ({ size }) => size);
  differ('Node', ({ versions }) => versions.node ?? 'unknown');
  for (const [name, { suites, machine }] of [
    ['A', a],
    ['B', b],
  ] as const) {
    if (busyBefore(machine)) warnings.push(`in ${name} the machine was busy: ${busyText(machine)}`);
    for (const { suite, failures, runs } of suites) {
      const count = failures.length + runs.reduce((sum, run) => sum + run.failures.length, 0);
      if (count > 0) warnings.push(`in ${name}, suite ${suite} failed (${count}): its figures are void`);
    }
  }
  return warnings;
}
