// Counts the tests in what tap wrote (TAP 14), for the last line of .ci/run: `N passed, N failed`. A test is a subtest that
// has no subtests of its own; a file or group that fails though none of its tests did (a crash, a timeout, a missing plan)
// counts as one failure.
//
//   # Subtest: test/a.test.ts            depth 1 opens
//       # Subtest: a sentence            depth 2 opens
//           ok 1 - should be equal       an assertion of depth 2
//       ok 1 - a sentence                depth 2 closes: one test passed
//   ok 1 - test/a.test.ts                depth 1 closes

import { readFileSync } from 'node:fs';

export interface TestCount {
  readonly passed: number;
  readonly failed: number;
}

interface OpenTest {
  readonly depth: number;
  subtests: number;
  failures: number;
}

const INDENT = 4;

export function countTests(tap: string): TestCount {
  let passed = 0;
  let failed = 0;
  const open: OpenTest[] = [];
  let endOfDiagnostics: string | undefined;
  const fail = () => {
    failed += 1;
    for (const test of open) test.failures += 1;
  };
  for (const line of tap.split('\n')) {
    if (endOfDiagnostics !== undefined) {
      if (line === endOfDiagnostics) endOfDiagnostics = undefined;
      continue;
    }
    const indent = line.length - line.trimStart().length;
    const text = line.slice(indent);
    const depth = Math.floor(indent / INDENT);
    const point = /^(not )?ok\b(?:.*#\s*(SKIP|TODO)\b)?/i.exec(text);
    if (text === '---') endOfDiagnostics = `${line.slice(0, indent)}...`;
    else if (text.startsWith('# Subtest: ')) open.push({ depth: depth + 1, subtests: 0, failures: 0 });
    else if (text.startsWith('Bail out!')) fail();
    else if (point !== null && open.at(-1)?.depth === depth + 1) {
      const test = open.pop();
      const parent = open.at(-1);
      if (parent !== undefined) parent.subtests += 1;
      if (test === undefined || point[2] !== undefined) continue;
      if (point[1] !== undefined && test.failures === 0) fail();
      else if (point[1] === undefined && test.subtests === 0) passed += 1;
    }
  }
  // what never closed was cut off: tap itself died
  while (open.length > 0) {
    if (open.pop()?.failures === 0) fail();
  }
  return { passed, failed };
}

/** The last line of a run that exited with `exitCode`: a run that failed without a failed test still has one failure. */
export function finalLine({ passed, failed }: TestCount, exitCode: number): string {
  return `${passed} passed, ${exitCode !== 0 && failed === 0 ? 1 : failed} failed`;
}

if (import.meta.main) {
  const [file = '', exitCode = '1'] = process.argv.slice(2);
  process.stdout.write(`${finalLine(countTests(readFileSync(file, 'utf8')), Number(exitCode))}\n`);
}
