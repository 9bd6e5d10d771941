// What is fuzzed: something that draws inputs, and says whether what must hold for all of them holds for one. Inputs are
// plain data, so that a failing one can be kept in corpus/ and tried again for ever.

import type { Choose } from '../schemas/plan/pools.ts';
import { minimised, replayedTape, seededTape } from '../workers/stream/kernel/tape.ts';

export interface FuzzTarget {
  readonly name: string;
  readonly draw: (choose: Choose) => unknown;
  /** A kept input, changed. */
  readonly mutate: (input: unknown, choose: Choose) => unknown;
  /** Inputs with one thing less, for finding a small one that fails. */
  readonly smaller?: (input: unknown) => Iterable<unknown>;
  /** @throws when something does not hold */
  readonly check: (input: unknown) => Outcome;
}

export interface Outcome {
  readonly cases: number;
  readonly matches: number;
  /** How often the input, or parts of it, were refused, by code. */
  readonly rejects: ReadonlyMap<string, number>;
}

export interface Failure {
  readonly target: string;
  readonly message: string;
  /** The smallest input found that fails. */
  readonly input: unknown;
}

export interface Attempt {
  readonly outcome: Outcome | null;
  readonly failure: Failure | null;
}

/**
 * Tries the input that `seed` gives.
 *
 * @param minimiseMs how long to look for a smaller input when it fails
 */
export function attempt(target: FuzzTarget, seed: number, minimiseMs: number): Attempt {
  const tape = seededTape(seed);
  return attemptInput(target, target.draw(tape.choose), () => smallest(target, tape.drawn, minimiseMs));
}

/** Tries one input as it is. */
export function attemptInput(target: FuzzTarget, input: unknown, smaller: () => unknown = () => input): Attempt {
  try {
    return { outcome: target.check(input), failure: null };
  } catch {
    const found = smaller();
    return { outcome: null, failure: { target: target.name, message: failureOf(target, found) ?? '', input: found } };
  }
}

function smallest(target: FuzzTarget, numbers: readonly number[], budgetMs: number): unknown {
  const end = performance.now() + budgetMs;
  const halfTime = performance.now() + budgetMs / 2;
  const fails = (candidate: readonly number[]): boolean =>
    failureOf(target, target.draw(replayedTape(candidate).choose)) !== undefined;
  const best = minimised(numbers, fails, () => performance.now() > halfTime);
  return pruned(target, target.draw(replayedTape(best).choose), () => performance.now() > end);
}

function pruned(target: FuzzTarget, input: unknown, isOutOfTime: () => boolean): unknown {
  for (const candidate of target.smaller?.(input) ?? []) {
    if (isOutOfTime()) return input;
    if (failureOf(target, candidate) !== undefined) return pruned(target, candidate, isOutOfTime);
  }
  return input;
}

function failureOf(target: FuzzTarget, input: unknown): string | undefined {
  try {
    target.check(input);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Adds up what was tried. */
export class Tally {
  inputs = 0;
  cases = 0;
  matches = 0;
  readonly rejects = new Map<string, number>();

  add({ cases, matches, rejects }: Outcome): void {
    this.inputs++;
    this.cases += cases;
    this.matches += matches;
    for (const [code, count] of rejects) this.rejects.set(code, (this.rejects.get(code) ?? 0) + count);
  }

  toString(): string {
    const rejects = [...this.rejects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([code, count]) => `${code} ${count}`);
    return `${this.inputs} inputs, ${this.cases} cases, ${this.matches} matches; rejects: ${rejects.join(', ') || 'none'}`;
  }
}
