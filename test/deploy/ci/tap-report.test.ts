import { readFileSync } from 'node:fs';
import t from 'tap';
import { TapReport } from '../../../deploy/ci/tap-report.ts';

function report(tap: string): string[] {
  const lines: string[] = [];
  const report = new TapReport((line) => lines.push(line));
  for (const line of tap.split('\n')) report.line(line);
  report.end();
  return lines;
}

const RUN = readFileSync(new URL('failed-run.tap', import.meta.url), 'utf8');

t.test('every failure is told where it happens with all tap says, and in short once more at the end', async (t) => {
  const lines = report(RUN);
  const end = lines.indexOf('What failed, once more:');
  t.ok(lines.slice(0, end).includes('    compare: ==='));
  t.ok(lines.slice(0, end).includes('      ledger: 3 of 3 received'), 'what tests tell of themselves');
  t.same(lines.slice(end + 1), [
    '  ✗ test/a.test.ts › group › one › is two (line 2)',
    '      --- expected',
    '      +++ actual',
    '      @@ -1,1 +1,1 @@',
    '      -2',
    '      +1',
    '  ✗ test/a.test.ts › times out › timeout!',
    '  ✗ test/b.test.ts',
    '',
  ]);
});

t.test('nothing is repeated where all passed', async (t) => {
  t.same(
    report(
      'TAP version 14\n# Subtest: test/a.test.ts\n    ok 1 - fine\n    1..1\nok 1 - test/a.test.ts # time=5ms\n1..1',
    ),
    ['  ✓ test/a.test.ts  5ms'],
  );
});
