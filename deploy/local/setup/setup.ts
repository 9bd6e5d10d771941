// `make setup`: everything the project needs, got once. Each part looks whether its work is done already, so that a second
// run takes a moment and prints nothing. Downloads go on while the compiler works.

import { failAndExit } from '../failure.ts';
import { getKafka, getRegistry } from './java-parts.ts';
import { buildNativeModules, installPackages } from './npm-packages.ts';
import { sayOnStdout } from './progress.ts';
import { getSchemathesis } from './python-tools.ts';
import { checkSystemPrograms } from './system-programs.ts';

/** Above this something was done, and a person likes to know how long all of it took. */
const WORTH_TELLING_S = 3;

async function main(): Promise<void> {
  const startedMs = performance.now();
  const isForTests = process.argv.includes('--for-tests');
  await checkSystemPrograms(isForTests);
  const parts = await Promise.allSettled([
    installPackages().then(buildNativeModules),
    // one after the other: both are Maven, writing to the same ~/.m2
    getKafka().then(getRegistry),
    isForTests ? getSchemathesis() : Promise.resolve(),
  ]);
  for (const part of parts) if (part.status === 'rejected') throw part.reason;
  const tookS = (performance.now() - startedMs) / 1000;
  if (tookS > WORTH_TELLING_S) sayOnStdout(`Set-up took ${tookS.toFixed(0)} s.`);
}

main().catch(failAndExit);
