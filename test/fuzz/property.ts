// Runs a fuzz target as a test: as many random inputs as it takes to have a number of cases. The seed is printed; with
// MDS_PROPERTY_SEED the same inputs come again, with MDS_PROPERTY_CASES more or fewer of them.

import { attempt, type FuzzTarget, Tally } from './target.ts';

/** A failing input is made small for at most this long. */
const MINIMISE_MS = 15_000;
const MAX_SHOWN_CHARS = 20_000;

/**
 * @param cases how many in CI
 * @returns what was tried, for people to read
 * @throws Error with the smallest failing input found, and how to run it again
 */
export function holdsFor(target: FuzzTarget, cases: number): string {
  const first = Number(process.env.MDS_PROPERTY_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const wanted = Number(process.env.MDS_PROPERTY_CASES ?? cases);
  const tally = new Tally();
  for (let seed = first; tally.cases < wanted; seed++) {
    const { outcome, failure } = attempt(target, seed, MINIMISE_MS);
    if (outcome) tally.add(outcome);
    if (!failure) continue;
    const input = JSON.stringify(failure.input).slice(0, MAX_SHOWN_CHARS);
    throw new Error(`${failure.message}\nagain with MDS_PROPERTY_SEED=${seed}; smallest input found:\n${input}`);
  }
  return `seed ${first}: ${tally}`;
}
