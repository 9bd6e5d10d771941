// The last line of .ci/run, from TAP as tap writes it.

import t from 'tap';
import { TapReport } from '../../../deploy/ci/tap-report.ts';
import { countTests, finalLine } from '../../../deploy/ci/test-count.ts';

const GREEN = `TAP version 14
# Subtest: test/a.test.ts
    # Subtest: a sentence
        ok 1 - should be equal
        1..1
    ok 1 - a sentence # time=1ms

    # Subtest: group
        # Subtest: inner
            ok 1 - x
            1..1
        ok 1 - inner # time=1ms
        1..1
    ok 2 - group # time=2ms
    1..2
ok 1 - test/a.test.ts # time=5ms
1..1
`;

const RED = `TAP version 14
# Subtest: test/a.test.ts
    # Subtest: a sentence
        not ok 1 - no
          ---
          source: |
            ok 1 - this line is only quoted
          ...
        1..1
    not ok 1 - a sentence # time=1ms
      ---
      at:
        lineNumber: 4
      ...
    1..1
not ok 1 - test/a.test.ts # time=5ms
  ---
  exitCode: 1
  ...
# Subtest: test/crash.test.ts
    # Subtest: fine
        ok 1 - x
        1..1
    ok 1 - fine
not ok 2 - test/crash.test.ts
  ---
  exitCode: 1
  ...
1..2
`;

t.test('tests are counted, not assertions, groups or files', async (t) => {
  t.same(countTests(GREEN), { passed: 2, failed: 0 });
});

t.test('a failed test counts once, and a file that crashed after its tests passed counts as a failure', async (t) => {
  t.same(countTests(RED), { passed: 1, failed: 2 });
});

t.test('a stream that ends in the middle of a test is a failure', async (t) => {
  t.same(countTests(GREEN.slice(0, GREEN.indexOf('ok 1 - a sentence'))), { passed: 0, failed: 1 });
});

t.test('a bail-out is a failure', async (t) => {
  t.same(countTests('TAP version 14\nBail out! no disk\n'), { passed: 0, failed: 1 });
});

t.test('a skipped test is neither passed nor failed', async (t) => {
  t.same(countTests('# Subtest: a\n    ok 1 - x\n    1..1\nok 1 - a # SKIP no time\n'), { passed: 0, failed: 0 });
});

t.test('a run that failed without a failed test has one failure in its last line', async (t) => {
  t.equal(finalLine({ passed: 3, failed: 0 }, 1), '3 passed, 1 failed');
  t.equal(finalLine({ passed: 3, failed: 0 }, 0), '3 passed, 0 failed');
  t.equal(finalLine({ passed: 3, failed: 2 }, 1), '3 passed, 2 failed');
});

t.test('the report has a line for each file, and a failed test with its path and diagnostics', async (t) => {
  const lines: string[] = [];
  const report = new TapReport((line) => lines.push(line));
  for (const line of RED.split('\n')) report.line(line);
  report.line('Bail out! no disk');
  t.ok(lines.includes('  ✗ test/a.test.ts  5ms'));
  t.ok(lines.includes('  ✗ test/a.test.ts › a sentence › no'));
  t.ok(lines.some((line) => line.includes('this line is only quoted')));
  t.notOk(lines.some((line) => line.includes('› fine')));
  t.ok(lines.includes('Bail out! no disk'));
  report.line('    # ledger: 3 produced');
  report.line('    # time=3ms');
  t.equal(lines.at(-1)?.trim(), 'ledger: 3 produced');
});
