// What a person or a CI log sees of a test run: one line for each test file as it ends, what tests tell of themselves
// (ledgers, times), for each failed test its path and what tap says about it; at the end every failure once more, in short,
// since a CI log is often seen by its last lines alone, and the count. Reads TAP 14 on stdin.
// (tap's own reporters redraw a terminal, and print nothing where CI is set.)

import { createInterface } from 'node:readline';
import { countTests } from './test-count.ts';

const INDENT = 4;
/** What the end of a run repeats of each failure's difference between expected and seen. */
const REPEATED_LINES = 12;
const REPEATED_CHARACTERS = 200;
const COMMENT = /^# (?!Subtest|time=|\{ total|\{ $|no tests)/;

interface Failure {
  readonly title: string;
  readonly diagnostics: string[];
}

export class TapReport {
  readonly #write: (line: string) => void;
  #path: string[] = [];
  /** Set while the diagnostics of a failed test are passed on, or of a passed one left out. */
  #diagnostics: { readonly end: string; readonly shown: boolean } | undefined;
  #failedAtDepth: number | undefined;
  readonly #failures: Failure[] = [];
  /** The failure whose diagnostics follow, unless those of its tests stand above. */
  #failure: Failure | undefined;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  line(line: string): void {
    const indent = line.length - line.trimStart().length;
    const text = line.slice(indent);
    if (this.#diagnostics !== undefined) {
      if (line === this.#diagnostics.end) this.#diagnostics = undefined;
      else if (this.#diagnostics.shown) this.#diagnostic(line.slice(this.#diagnostics.end.length - 3));
      return;
    }
    const depth = Math.floor(indent / INDENT);
    if (text === '---') {
      const shown = this.#failedAtDepth === depth;
      this.#diagnostics = { end: `${line.slice(0, indent)}...`, shown };
      this.#failedAtDepth = undefined;
      return;
    }
    if (text.startsWith('# Subtest: ')) {
      this.#path = [...this.#path.slice(0, depth), text.slice('# Subtest: '.length)];
      return;
    }
    if (text.startsWith('Bail out!')) this.#write(text);
    // ledgers and times that tests tell; tap's own comments say nothing new
    if (depth > 0 && COMMENT.test(text)) this.#write(`      ${text.slice(2)}`);
    const point = /^(not ok|ok) \d+ - (.*)$/.exec(text);
    if (point !== null) this.#point(depth, point[1] === 'ok', point[2] ?? '');
  }

  /** Every failure again: its path, the place in the test, and how what was seen differs. Nothing where all passed. */
  end(): void {
    if (this.#failures.length === 0) return;
    this.#write('');
    this.#write('What failed, once more:');
    for (const { title, diagnostics } of this.#failures) {
      const line = diagnostics.find((text) => text.startsWith('  lineNumber: '))?.slice('  lineNumber: '.length);
      this.#write(`  ✗ ${title}${line === undefined ? '' : ` (line ${line})`}`);
      const difference = diagnostics.slice(diagnostics.indexOf('diff: |') + 1 || diagnostics.length);
      for (const text of difference.slice(0, REPEATED_LINES)) this.#write(`    ${text.slice(0, REPEATED_CHARACTERS)}`);
    }
    this.#write('');
  }

  #diagnostic(line: string): void {
    this.#write(`    ${line}`);
    this.#failure?.diagnostics.push(line);
  }

  #point(depth: number, ok: boolean, name: string): void {
    this.#failedAtDepth = undefined;
    if (depth === 0) this.#write(`${ok ? '  ✓' : '  ✗'} ${name.replace(' # time=', '  ')}`);
    if (ok) return;
    const title = name.replace(/ # time=\S+$/, '');
    const path = this.#path.slice(0, depth);
    // a group that fails because a test in it did has said so already; its own diagnostics only tell where it stands
    if (depth > 0 && this.#path.length > depth && this.#path[depth] === title) return;
    const whole = [...path, title].join(' › ');
    if (depth > 0) this.#write(`  ✗ ${whole}`);
    // a file or group whose tests failed is no failure of its own
    this.#failure = undefined;
    if (!this.#failures.some((failure) => failure.title.startsWith(`${whole} › `))) {
      this.#failure = { title: whole, diagnostics: [] };
      this.#failures.push(this.#failure);
    }
    this.#failedAtDepth = depth;
  }
}

if (import.meta.main) {
  const report = new TapReport((line) => process.stdout.write(`${line}\n`));
  const lines: string[] = [];
  for await (const line of createInterface({ input: process.stdin })) {
    lines.push(line);
    report.line(line);
  }
  report.end();
  const { passed, failed } = countTests(lines.join('\n'));
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
}
