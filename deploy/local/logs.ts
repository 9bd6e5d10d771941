// `make logs`: follows all log files of the local stack, each line headed by the name of its process; one with S=edge.

import { watch } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, failAndExit } from './failure.ts';
import { LogTail } from './log-tail.ts';
import { placesOf } from './places.ts';

async function follow(directory: string, only: string | undefined): Promise<void> {
  await mkdir(directory, { recursive: true });
  const tails = new Map<string, LogTail>();
  const readAll = async () => {
    const names = (await readdir(directory)).filter((name) => name.endsWith('.log')).map((name) => name.slice(0, -4));
    if (only !== undefined && !names.includes(only)) {
      throw new Failure(`There is no log of "${only}" in ${directory}; there are: ${names.join(', ') || 'none yet'}.`);
    }
    const width = Math.max(...names.map((name) => name.length));
    for (const name of only === undefined ? names : [only]) {
      const tail = tails.get(name) ?? new LogTail(join(directory, `${name}.log`), `${name.padEnd(width)} │ `);
      tails.set(name, tail);
      for (let lines = await tail.read(); lines.length > 0; lines = await tail.read()) {
        process.stdout.write(`${lines.join('\n')}\n`);
      }
    }
  };
  await readAll();
  let again = false;
  let reading = false;
  watch(directory, () => {
    again = true;
    if (!reading) void readWhileChanged();
  });
  async function readWhileChanged(): Promise<void> {
    reading = true;
    while (again) {
      again = false;
      await readAll();
    }
    reading = false;
  }
}

process.on('SIGINT', () => process.exit(0));
follow(placesOf(process.env.MDS_HOME).logs, process.argv[2]).catch(failAndExit);
