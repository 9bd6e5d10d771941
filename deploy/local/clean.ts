// `make clean`: stops what runs under MDS_HOME and removes its data, logs and pid files. Refuses a directory that does not
// look like one of ours, since MDS_HOME is typed by a person.

import { existsSync, readdirSync, rmSync } from 'node:fs';
import { Failure, failAndExit } from './failure.ts';
import { type Places, placesOf } from './places.ts';
import { removeAbandonedData } from './services/postgres-user.ts';
import { stopAll } from './stop-all.ts';

const OUR_DIRECTORIES = ['data', 'logs', 'run', 'auth'];

export async function cleanHome(places: Places, say: (line: string) => void): Promise<void> {
  if (!existsSync(places.home)) return;
  const foreign = readdirSync(places.home).filter((name) => !OUR_DIRECTORIES.includes(name));
  if (foreign.length > 0) {
    throw new Failure(
      `${places.home} holds ${foreign.slice(0, 3).join(', ')}, which this project did not put there: it was not removed. ` +
        'Remove it yourself if it is what MDS_HOME should be.',
    );
  }
  await stopAll(places, say);
  rmSync(places.home, { recursive: true, force: true });
  if (process.getuid?.() === 0) removeAbandonedData();
  say(`Removed ${places.home}.`);
}

if (import.meta.main) {
  cleanHome(placesOf(process.env.MDS_HOME), (line) => process.stdout.write(`${line}\n`)).catch(failAndExit);
}
