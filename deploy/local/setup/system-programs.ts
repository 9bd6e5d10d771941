// The programs that come from the machine: looked for, installed with apt where we are root on Debian, and otherwise asked
// for in one sentence that names all of them at once.

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Failure } from '../failure.ts';
import { findProgram, type ProgramName, packageOf } from '../programs.ts';
import { step } from './progress.ts';
import { runCommand } from './run-command.ts';

/** What apt may install: the rest (Java, Maven, a compiler) is named as a requirement in README and only asked for. */
const INSTALLABLE: readonly ProgramName[] = ['redis-server', 'postgres', 'initdb', 'python3'];
const REQUIRED: readonly ProgramName[] = ['java', 'mvn', 'g++', 'make', 'tar'];

/** Any of these is a browser the page can be tested in. */
const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];
/** What only tests need: each program and the package it is in. */
const TEST_PROGRAMS = [
  { names: BROWSERS, inPackage: 'chromium' },
  { names: ['prometheus'], inPackage: 'prometheus' },
  { names: ['openssl'], inPackage: 'openssl' },
];

export async function checkSystemPrograms(forTests: boolean): Promise<void> {
  const needed = [...(await missing(REQUIRED)), ...(await missing(INSTALLABLE))];
  const packages = new Set(needed.filter(({ name }) => INSTALLABLE.includes(name)).map(({ name }) => packageOf(name)));
  for (const { names, inPackage } of forTests ? TEST_PROGRAMS : []) if (!hasAny(names)) packages.add(inPackage);
  const hopeless = needed.filter(({ name }) => !INSTALLABLE.includes(name));
  if (hopeless.length > 0) throw new Failure(hopeless.map(({ sentence }) => sentence).join('\n'));
  if (packages.size === 0) return;
  const list = [...packages].join(' ');
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    throw new Failure(
      `Not installed yet: ${list}. Install ${packages.size === 1 ? 'it' : 'them'} (Debian: sudo apt-get install ${list}) and run make again.`,
    );
  }
  await step(`apt-get install ${list}`, () => aptInstall([...packages]));
  await Promise.all(needed.map(({ name }) => findProgram(name)));
}

async function missing(names: readonly ProgramName[]): Promise<{ name: ProgramName; sentence: string }[]> {
  const found = await Promise.all(
    names.map(async (name) => {
      try {
        await findProgram(name);
        return [];
      } catch (error) {
        if (error instanceof Failure) return [{ name, sentence: error.message }];
        throw error;
      }
    }),
  );
  return found.flat();
}

async function aptInstall(packages: readonly string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const failure = `apt-get could not install ${packages.join(' ')}`;
  await runCommand('apt-get', ['update', '-q'], { env, logName: 'apt-update', failure });
  await runCommand('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...packages], {
    env,
    logName: 'apt-install',
    failure,
  });
}

function hasAny(names: readonly string[]): boolean {
  const directories = (process.env.PATH ?? '').split(delimiter);
  return names.some((name) => directories.some((directory) => existsSync(join(directory, name))));
}
