// The npm packages of package-lock.json in node_modules, and the native build of node-rdkafka with all cores.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { cp, rename, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from '../failure.ts';
import { ROOT, TOOLCHAIN } from '../places.ts';
import { step } from './progress.ts';
import { runCommand } from './run-command.ts';

const run = promisify(execFile);

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
}
export type LockedPackages = Readonly<Record<string, LockedPackage>>;

export async function installPackages(): Promise<void> {
  const locked = packagesIn(join(ROOT, 'package-lock.json')) ?? {};
  const installed = packagesIn(join(ROOT, 'node_modules/.package-lock.json'));
  if (installed !== undefined && isUpToDate(locked, installed)) return;
  await step('npm ci: the packages of package-lock.json (about 1 min)', () =>
    // scripts are off: of all packages only node-rdkafka needs its own, and that is run below with all cores
    runCommand('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
      env: environment(),
      logName: 'npm-ci',
      failure: 'npm ci failed',
    }),
  );
}

/**
 * Whether node_modules is what the lock file says, by the list npm leaves in node_modules when it has finished.
 * Packages for other machines are optional and may be missing.
 */
export function isUpToDate(locked: LockedPackages, installed: LockedPackages): boolean {
  const same = (a: LockedPackage, b: LockedPackage) => a.version === b.version && a.integrity === b.integrity;
  const installedIsLocked = Object.entries(installed).every(([path, facts]) => {
    const wanted = locked[path];
    return wanted !== undefined && same(wanted, facts);
  });
  const lockedIsInstalled = Object.entries(locked).every(
    ([path, facts]) => path === '' || facts.optional === true || installed[path] !== undefined,
  );
  return installedIsLocked && lockedIsInstalled;
}

export async function buildNativeModules(): Promise<void> {
  const directory = join(ROOT, 'node_modules/node-rdkafka');
  const kept = join(TOOLCHAIN, 'native', nativeBuildName(packagesIn(join(ROOT, 'package-lock.json'))));
  if (await loads('node-rdkafka')) return keepBuild(directory, kept);
  // npm ci removes what was compiled with everything else, though node-rdkafka has not changed since
  if (await restoreBuild(directory, kept)) {
    if (await loads('node-rdkafka')) return;
  }
  const cores = availableParallelism();
  await step(
    `compile node-rdkafka with ${cores} ${cores === 1 ? 'core' : 'cores'} (about ${Math.ceil(6 / cores)} min)`,
    async () => {
      try {
        await compileRdkafka(cores);
      } catch (error) {
        if (cores === 1 || !(error instanceof Failure)) throw error;
        // librdkafka's build is not written for make -j on every machine; one core is slow and sure
        await compileRdkafka(1);
      }
    },
  );
  if (!(await loads('node-rdkafka'))) {
    throw new Failure('node-rdkafka was compiled, but cannot be loaded: see .toolchain/logs/rdkafka-build.log.');
  }
  await keepBuild(directory, kept);
}

/** What a compiled node-rdkafka depends on: its own bytes, and the Node and processor it was compiled for. */
function nativeBuildName(locked: LockedPackages | undefined): string {
  const facts = JSON.stringify([locked?.['node_modules/node-rdkafka'], process.version, process.arch]);
  return `node-rdkafka-${createHash('sha256').update(facts).digest('hex').slice(0, 16)}`;
}

/** The parts of build/ that are needed to load it: the module, and the libraries its rpath points to. */
const BUILT = ['build/Release/node-librdkafka.node', 'build/deps'];

/** Copies what was compiled to `kept`, once. */
export async function keepBuild(directory: string, kept: string): Promise<void> {
  if (existsSync(kept)) return;
  const fresh = `${kept}.new`;
  await rm(fresh, { recursive: true, force: true });
  for (const path of BUILT)
    await cp(join(directory, path), join(fresh, path), { recursive: true, verbatimSymlinks: true });
  await rename(fresh, kept);
}

/** @returns whether there was something to put back */
export async function restoreBuild(directory: string, kept: string): Promise<boolean> {
  if (!existsSync(kept)) return false;
  await cp(kept, directory, { recursive: true, verbatimSymlinks: true, force: true });
  return true;
}

/**
 * node-gyp's own order races with -j: objects are compiled before librdkafka's configure has written config.h. So configure
 * is run to its end first, by itself.
 */
async function compileRdkafka(jobs: number): Promise<void> {
  const directory = join(ROOT, 'node_modules/node-rdkafka');
  const nodeGyp = join(ROOT, 'node_modules/node-gyp/bin/node-gyp.js');
  const env = environment({ MAKEFLAGS: `-j${jobs}`, JOBS: String(jobs) });
  const failure = 'node-rdkafka could not be compiled';
  await runCommand(process.execPath, [nodeGyp, 'configure'], { cwd: directory, env, logName: 'rdkafka-gyp', failure });
  await runCommand(process.execPath, ['../util/configure'], {
    cwd: join(directory, 'deps'),
    env,
    logName: 'rdkafka-configure',
    failure,
  });
  // by itself, since node-gyp's make has no way to pass its jobs on to this one: 150 s of compiling would use one core
  const libraries = ['-C', 'deps/librdkafka', `-j${jobs}`, 'libs'];
  const alone = environment();
  await runCommand('make', libraries, { cwd: directory, env: alone, logName: 'rdkafka-libraries', failure });
  await runCommand(process.execPath, [nodeGyp, 'build'], { cwd: directory, env, logName: 'rdkafka-build', failure });
}

/** The environment in which npm and node-gyp use this Node and its headers, and no make of ours passes its flags down. */
function environment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { MAKEFLAGS: _flags, MAKELEVEL: _level, MFLAGS: _mflags, ...rest } = process.env;
  return {
    ...rest,
    PATH: [join(TOOLCHAIN, 'bin'), process.env.PATH].join(delimiter),
    npm_config_nodedir: dirname(dirname(process.execPath)),
    ...extra,
  };
}

/** Whether a native module can be loaded by this Node, tried in a process of its own since a bad one may crash it. */
async function loads(name: string): Promise<boolean> {
  try {
    await run(process.execPath, ['-e', `require(${JSON.stringify(name)})`], { cwd: ROOT });
    return true;
  } catch {
    return false;
  }
}

function packagesIn(file: string): LockedPackages | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof value !== 'object' || value === null || !('packages' in value)) return undefined;
    return value.packages as LockedPackages; // written by npm
  } catch {
    return undefined; // not installed yet
  }
}
