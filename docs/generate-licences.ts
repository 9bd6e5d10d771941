// Writes docs/licences.md from package-lock.json. `node docs/generate-licences.ts --check` says whether it is up to date and
// whether every licence is one that is accepted, and is part of `make check`: a licence is read before a package is used.

import { readFile, writeFile } from 'node:fs/promises';
import { type LockedPackage, licenceOf, licencesPage, unaccepted } from './licences/licences.ts';

const FILE = 'docs/licences.md';
const ROOT = new URL('../', import.meta.url);

const read = (file: string): Promise<string> => readFile(new URL(file, ROOT), 'utf8');

/** Old packages say it in their own package.json only, in a shape that npm does not copy. */
async function completed(path: string, facts: LockedPackage): Promise<LockedPackage> {
  if (path === '' || licenceOf(facts) !== '') return facts;
  const own = JSON.parse(await read(`${path}/package.json`).catch(() => '{}'));
  return { ...facts, license: own.license ?? own.licenses };
}

const { packages } = JSON.parse(await read('package-lock.json')) as { packages: Record<string, LockedPackage> }; // npm's own
const all = await Promise.all(
  Object.entries(packages).map(async ([path, facts]) => [path, await completed(path, facts)] as const),
);
const wrong = unaccepted(all);
for (const line of wrong) process.stdout.write(`${line}\n`);
const check = process.argv.includes('--check');
const text = licencesPage(all);
const isOutdated = text !== (await read(FILE).catch(() => null));
if (isOutdated && !check) await writeFile(new URL(FILE, ROOT), text);
if (isOutdated) {
  process.stdout.write(`${FILE} ${check ? 'out of date: run node docs/generate-licences.ts' : 'written'}\n`);
}
if (wrong.length > 0 || (check && isOutdated)) process.exitCode = 1;
