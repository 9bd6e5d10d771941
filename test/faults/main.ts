// `make test-faults`: every scenario in full, or those named in ONLY=R4,R7; with SEED=n the same schedule again; SHORT=1
// as `make test` has them; WRITE=1 puts the table into docs/faults.md. Exits with 1 when a run failed.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT } from '../../deploy/local/places.ts';
import { faultsOfRow, headLine, markdownTable, rowLine, totalLine } from './framework/row.ts';
import { Suite } from './framework/suite.ts';
import { SCENARIOS } from './scenarios/index.ts';

const DOCUMENT = join(ROOT, 'docs', 'faults.md');
const TABLE_BEGIN = '<!-- table: written by make test-faults WRITE=1 -->';
const TABLE_END = '<!-- end of table -->';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const { ONLY: only = '', SEED: seedText = '', SHORT: short = '', WRITE: write = '' } = process.env;
  const wanted = only.split(',').filter((id) => id !== '');
  const unknown = wanted.filter((id) => !SCENARIOS.some((scenario) => scenario.id === id));
  const seed = seedText === '' ? undefined : Number(seedText);
  if (unknown.length > 0 || (seed !== undefined && !Number.isSafeInteger(seed))) {
    say(`ONLY takes some of ${SCENARIOS.map(({ id }) => id).join(',')}; SEED takes a whole number.`);
    return 2;
  }
  const suite = new Suite({ isShort: short !== '', say, ...(seed === undefined ? {} : { seed }) });
  try {
    for (const scenario of SCENARIOS) {
      if (wanted.length === 0 || wanted.includes(scenario.id)) await suite.run(scenario);
    }
  } finally {
    await suite.end();
  }
  say(`\n${headLine()}`);
  for (const row of suite.rows) say(rowLine(row));
  const total = totalLine(suite.rows);
  say(`${total}\n${relative(ROOT, suite.resultDirectory)}/`);
  if (write !== '') writeTable(`${markdownTable(suite.rows)}\n\n${total}`);
  return suite.rows.some((row) => faultsOfRow(row).length > 0) ? 1 : 0;
}

function writeTable(table: string): void {
  const document = readFileSync(DOCUMENT, 'utf8');
  const [begin, end] = [document.indexOf(TABLE_BEGIN), document.indexOf(TABLE_END)];
  if (begin < 0 || end < begin) throw new Error(`${DOCUMENT} has no place for the table`);
  const before = document.slice(0, begin + TABLE_BEGIN.length);
  writeFileSync(DOCUMENT, `${before}\n\n${table}\n\n${document.slice(end)}`);
  execFileSync(join(ROOT, 'node_modules/.bin/biome'), ['format', '--write', DOCUMENT]);
}

// a run that failed while it began may have left clients that go on trying
process.exit(await main());
