// Scenarios as tap tests: the short set, which `make test` runs. Each file of it has stacks of its own, because it breaks
// them, and must be done within the five minutes that a test file has.

import type { Test } from 'tap';
import { SCENARIOS } from '../scenarios/index.ts';
import { faultsOfRow, rowLine } from './row.ts';
import { Suite } from './suite.ts';

const TIMEOUT_MS = 290_000;
/** Sockets and Kafka clients that were closed need a moment; what is longer than this there would be for ever. */
const EXIT_MS = 15_000;

/** Runs these scenarios shortly, one subtest each. */
export function testShortSet(t: Test, ids: readonly string[]): void {
  const suite = new Suite({ isShort: true, say: (line) => t.comment(line) });
  t.setTimeout(TIMEOUT_MS);
  t.teardown(async () => {
    await suite.end();
    exitSoon();
  });
  for (const id of ids) {
    const scenario = SCENARIOS.find((candidate) => candidate.id === id);
    if (scenario === undefined) throw new Error(`there is no scenario ${id}`);
    t.test(`${id}: ${scenario.title}`, async (t) => {
      for (const row of await suite.run(scenario)) t.same(faultsOfRow(row), [], rowLine(row));
    });
  }
}

/**
 * Ends the process when something is still open although all is settled and stopped: a client whose line was cut in the
 * middle of its closing, say. All tests have had their say by then.
 */
function exitSoon(): void {
  setTimeout(() => {
    console.error(`still open: ${process.getActiveResourcesInfo().join(', ')}`);
    process.exit();
  }, EXIT_MS).unref();
}
