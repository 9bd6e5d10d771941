// Shows that the simulation finds what it is there for: plants one bug after the other into a copy of the source and runs
// seeds on it until one fails. `node test/simulation/mutations.ts [SEEDS] [part of a bug's name]`

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface PlantedBug {
  readonly bug: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

const ROOT = join(import.meta.dirname, '../..');
const COPIED = ['package.json', 'schemas', 'platform', 'workers', 'control-plane', 'client', 'test/simulation'];

const seeds = Number(process.argv[2] ?? 400);
const wanted = process.argv[3] ?? '';
const bugs = JSON.parse(readFileSync(join(import.meta.dirname, 'planted-bugs.json'), 'utf8')) as readonly PlantedBug[];

const copy = mkdtempSync(join(tmpdir(), 'mds-mutations-'));
let missed = 0;
try {
  for (const path of COPIED) cpSync(join(ROOT, path), join(copy, path), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  const sound = firstFailure();
  if (sound !== null) throw new Error(`without any planted bug: ${sound}`);
  for (const planted of bugs) if (planted.bug.includes(wanted)) tryOne(planted);
} finally {
  rmSync(copy, { recursive: true });
}
console.log(missed === 0 ? 'every planted bug was found' : `${missed} planted bugs were not found`);
process.exitCode = missed === 0 ? 0 : 1;

function tryOne({ bug, file, find, replace }: PlantedBug): void {
  const path = join(copy, file);
  const text = readFileSync(path, 'utf8');
  if (text.split(find).length !== 2) throw new Error(`${bug}: ${file} does not have it exactly once: ${find}`);
  writeFileSync(
    path,
    text.replace(find, () => replace),
  );
  const failure = firstFailure();
  writeFileSync(path, text);
  if (failure === null) missed += 1;
  console.log(`${failure === null ? 'MISSED' : 'found '}  ${bug}\n        ${failure ?? `in ${seeds} seeds`}`);
}

/** @returns the seed and why it failed; null when all seeds held */
function firstFailure(): string | null {
  const args = ['test/simulation/simulate.ts', '1', String(seeds)];
  const env = { ...process.env, MAX_FAILURES: '1' };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: copy, env, encoding: 'utf8' });
  if (status === 0) return null;
  return /^SEED \d+ FAILED: .*$/m.exec(stdout)?.[0].slice(0, 200) ?? `it did not run: ${stderr.slice(0, 400)}`;
}
