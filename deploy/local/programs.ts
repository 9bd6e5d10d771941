// Finds the programs that come from the machine (redis-server, PostgreSQL, Java, Maven) and says in one sentence what to
// install when one is missing or too old.

import { execFile } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from './failure.ts';

const run = promisify(execFile);

export type ProgramName = 'redis-server' | 'postgres' | 'initdb' | 'java' | 'mvn' | 'g++' | 'make' | 'python3' | 'tar';

interface ProgramFacts {
  /** Debian's package. */
  readonly package: string;
  /** Oldest major version that will do, when it matters. */
  readonly atLeast?: number;
  readonly versionArgs: readonly string[];
}

const FACTS: Readonly<Record<ProgramName, ProgramFacts>> = {
  'redis-server': { package: 'redis-server', atLeast: 7, versionArgs: ['--version'] },
  postgres: { package: 'postgresql', atLeast: 13, versionArgs: ['--version'] },
  initdb: { package: 'postgresql', atLeast: 13, versionArgs: ['--version'] },
  java: { package: 'openjdk-17-jre-headless', atLeast: 17, versionArgs: ['-version'] },
  mvn: { package: 'maven', versionArgs: ['--version'] },
  'g++': { package: 'g++', atLeast: 10, versionArgs: ['-dumpversion'] },
  make: { package: 'make', versionArgs: ['--version'] },
  python3: { package: 'python3', versionArgs: ['--version'] },
  tar: { package: 'tar', versionArgs: ['--version'] },
};

/** Debian puts PostgreSQL's own programs here, one directory a version, and not on the PATH. */
const POSTGRES_DIRECTORIES = '/usr/lib/postgresql';

export function packageOf(name: ProgramName): string {
  return FACTS[name].package;
}

/**
 * The absolute path of a program that is new enough.
 *
 * @throws Failure with one sentence saying what to install
 */
export async function findProgram(name: ProgramName): Promise<string> {
  const { atLeast, versionArgs } = FACTS[name];
  const candidates = pathsOf(name);
  let tooOld: string | undefined;
  for (const file of candidates) {
    if (atLeast === undefined) return file;
    const version = majorVersion(await versionText(file, versionArgs));
    if (version !== undefined && version >= atLeast) return file;
    tooOld ??= `${file} is version ${version ?? 'unknown'}`;
  }
  throw new Failure(missingProgramMessage(name, tooOld));
}

export function missingProgramMessage(name: ProgramName, tooOld?: string): string {
  const { atLeast, package: debianPackage } = FACTS[name];
  const wanted = atLeast === undefined ? name : `${name} ${atLeast} or newer`;
  const why = tooOld === undefined ? `${name} is not installed` : `${tooOld}, which is too old`;
  return `${why}: install ${wanted} (Debian: apt-get install ${debianPackage}) and run make again.`;
}

/** The first whole number that starts a version in what a program says about itself. */
export function majorVersion(text: string): number | undefined {
  // "Redis server v=7.0.15 sha=…", "postgres (PostgreSQL) 15.9", 'openjdk version "17.0.15" 2025-04-15', "12"
  const match = /(?:v=|version "|\) |^)(\d+)(?=[.\s"]|$)/m.exec(text);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

function pathsOf(name: ProgramName): string[] {
  const onPath = (process.env.PATH ?? '').split(delimiter).filter((directory) => directory !== '');
  const directories = name === 'postgres' || name === 'initdb' ? [...onPath, ...postgresDirectories()] : onPath;
  return directories.map((directory) => join(directory, name)).filter(isExecutable);
}

function postgresDirectories(): string[] {
  try {
    const versions = readdirSync(POSTGRES_DIRECTORIES).filter((version) => /^\d+$/.test(version));
    return versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(POSTGRES_DIRECTORIES, version, 'bin'));
  } catch {
    return []; // PostgreSQL is not installed from a Debian package
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function versionText(file: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout, stderr } = await run(file, [...args]);
    return `${stdout}\n${stderr}`;
  } catch {
    return ''; // cannot even say its version: as good as missing
  }
}
