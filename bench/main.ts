// The command behind `make bench`: runs suites one after the other, writes result.json and report.html, and ends with 1 when
// anything failed.
//
//   node bench/main.ts [--quick] [suite …]

import { parseArgs } from 'node:util';
import { withCeilingRatios } from './ceiling-ratios.ts';
import { machine, revision, versions } from './environment.ts';
import { OwnStack } from './own-stack.ts';
import type { Result, SuiteResult } from './result.ts';
import { makeResultDirectory, writeResult } from './result-files.ts';
import type { Suite, SuiteContext } from './suite.ts';
import { SUITES } from './suites.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
});
const chosen = chosenSuites(positionals, values.quick);
if (values.help) say(usage());
else if (!chosen) process.exitCode = 2;
else process.exitCode = (await main(chosen, values.quick ? 'quick' : 'full')) ? 0 : 1;

/** @returns whether everything went well */
async function main(suites: readonly Suite[], size: Result['size']): Promise<boolean> {
  const started = new Date();
  const machineBefore = machine();
  const startedMs = performance.now();
  const directory = makeResultDirectory(started);
  const stack = new OwnStack(say);
  const finished: SuiteResult[] = [];
  try {
    for (const suite of suites) {
      say(`── ${suite.name}`);
      const context = { size, stack: () => stack.address(), directory, progress: (line: string) => say(`   ${line}`) };
      finished.push(await runSuite(suite, { ...context, settings: process.env }));
    }
  } finally {
    await stack.end();
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const result: Result = {
    formatVersion: 1,
    startedAt: started.toISOString(),
    seconds,
    size,
    machine: machineBefore,
    versions: versions(),
    git: revision(),
    suites: withCeilingRatios(finished),
  };
  const report = writeResult(directory, result);
  const failures = finished.flatMap((suite) => [
    ...suite.failures.map((failure) => `${suite.suite}: ${failure}`),
    ...suite.runs.flatMap((run) => run.failures.map((failure) => `${suite.suite}, ${run.name}: ${failure}`)),
  ]);
  for (const failure of failures) say(`FAILED ${failure}`);
  say(`${Math.round(seconds)} s. ${report}`);
  return failures.length === 0;
}

async function runSuite(suite: Suite, context: SuiteContext): Promise<SuiteResult> {
  const startedMs = performance.now();
  const took = (): number => (performance.now() - startedMs) / 1000;
  try {
    return { suite: suite.name, ...(await suite.run(context)), seconds: took() };
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    say(`   FAILED: ${failure}`);
    return { suite: suite.name, seconds: took(), config: {}, failures: [failure], figures: [], runs: [], profiles: [] };
  }
}

/**
 * @param given names, several of them with commas between
 * @returns null, after saying why, when there is no suite of a name
 */
function chosenSuites(given: readonly string[], isQuick: boolean): readonly Suite[] | null {
  const names = given.flatMap((name) => name.split(','));
  if (names.length === 0) return SUITES.filter(({ runsBy }) => runsBy === 'quick' || (runsBy === 'full' && !isQuick));
  const unknown = names.filter((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown.length > 0) {
    say(`There is no suite ${unknown.join(', ')}.\n${usage()}`);
    return null;
  }
  return SUITES.filter(({ name }) => names.includes(name));
}

function usage(): string {
  const when = { quick: '', full: ' (not in the quick run)', name: ' (only when named)' } as const;
  const lines = SUITES.map(({ name, summary, runsBy }) => `  ${name.padEnd(12)} ${summary}${when[runsBy]}`);
  return `node bench/main.ts [--quick] [suite …]\n${lines.join('\n')}`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
