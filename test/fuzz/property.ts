// Runs a fuzz target as a test: as many random inputs as it takes to have a number of cases. The seed is printed before they
// are tried, so that also what hangs can be tried again: with MDS_PROPERTY_SEED the same inputs come, with MDS_PROPERTY_CASES
// more or fewer of them.

import type { Test } from 'tap';
import { attempt, type FuzzTarget, Tally } from './target.ts';

/** A failing input is made small for at most this long. */
const MINIMISE_MS = 15_000;
const MAX_SHOWN_CHARS = 20_000;
/** A machine too busy for all cases in this time tries those it can: with a seed of its own, each run tries others. */
const MAX_MS = 90_000;
/** An input that takes longer is named, since one that is worse may be near. */
const SLOW_INPUT_MS = 5000;

/**
 * Passes with what was tried.
 *
 * @param cases how many in CI
 * @throws Error with the smallest failing input found, and how to run it again
 */
export function assertHolds(t: Test, target: FuzzTarget, cases: number): void {
  const first = Number(process.env.MDS_PROPERTY_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const wanted = Number(process.env.MDS_PROPERTY_CASES ?? cases);
  const tally = new Tally();
  const begin = performance.now();
  t.comment(`MDS_PROPERTY_SEED=${first}`);
  for (let seed = first; tally.cases < wanted && performance.now() < begin + MAX_MS; seed++) {
    const before = performance.now();
    const { outcome, failure } = attempt(target, seed, MINIMISE_MS);
    if (outcome) tally.add(outcome);
    const tookMs = Math.round(performance.now() - before);
    if (tookMs > SLOW_INPUT_MS) t.comment(`the input of MDS_PROPERTY_SEED=${seed} took ${tookMs} ms`);
    if (!failure) continue;
    const input = JSON.stringify(failure.input).slice(0, MAX_SHOWN_CHARS);
    throw new Error(`${failure.message}\nagain with MDS_PROPERTY_SEED=${seed}; smallest input found:\n${input}`);
  }
  t.pass(`seed ${first}: ${tally}`);
}
