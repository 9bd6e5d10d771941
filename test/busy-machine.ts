// Makes the machine busy for some minutes, in bursts on all cores as other people's jobs are: `node test/busy-machine.ts 40 &`
// beside `make test`. A test that holds only on a quiet machine fails then, here rather than in somebody's CI.

import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

const BURST_MS = { least: 50, most: 850 } as const;
const PAUSE_MS = { least: 100, most: 1600 } as const;

const between = ({ least, most }: { readonly least: number; readonly most: number }): number =>
  least + Math.random() * (most - least);

async function burn(untilMs: number): Promise<void> {
  while (Date.now() < untilMs) {
    const endMs = Date.now() + between(BURST_MS);
    while (Date.now() < endMs) Math.sqrt(Math.random());
    await delay(between(PAUSE_MS));
  }
}

if (isMainThread) {
  const minutes = Number(process.argv[2]);
  if (!(minutes > 0 && minutes <= 120)) {
    console.error('usage: node test/busy-machine.ts MINUTES (at most 120)');
    process.exit(2);
  }
  const untilMs = Date.now() + minutes * 60_000;
  for (let core = 0; core < availableParallelism(); core++) new Worker(import.meta.filename, { workerData: untilMs });
} else {
  await burn(workerData);
}
