// The command behind `make bench-compare A=… B=…`.
//
//   node bench/compare/main.ts A B [--html FILE]      A, B: result.json or a directory that holds one

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pageHtml } from '../report/page.ts';
import { readResult } from '../result-files.ts';
import { compare } from './compare.ts';
import { comparisonPage, comparisonText } from './comparison-text.ts';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { html: { type: 'string' } } });
const [placeA, placeB] = positionals;

try {
  if (!placeA || !placeB)
    throw new Error('Say what to compare: make bench-compare A=one/result.json B=other/result.json');
  const comparison = compare(readResult(placeA), readResult(placeB));
  process.stdout.write(comparisonText(comparison));
  if (values.html) writeFileSync(values.html, pageHtml(comparisonPage(comparison, placeA, placeB)));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
