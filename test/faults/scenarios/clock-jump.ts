// The clock of one process jumps by an hour, forward and back; the clocks of all others are right.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Scenario } from '../framework/scenario.ts';

const PRELOAD = fileURLToPath(new URL('../framework/clock-preload.ts', import.meta.url));
const HOUR_MS = 3_600_000;
/** Longer than a heartbeat's life: who is taken for dead is so by then. */
const STAY_MS = 4000;

export const clockJump: Scenario = {
  id: 'R16',
  title: 'the clock of one process jumps by an hour, forward and back, and clients resume: worker, edge, control plane',
  async run(run) {
    const stack = await run.stack();
    const clockFile = (name: string): string => join(stack.home, `clock-of-${name}-${run.seed}`);
    const shifted = (name: string) => ({ NODE_OPTIONS: `--import ${PRELOAD}`, FAULT_CLOCK_FILE: clockFile(name) });
    const service = await run.service(stack, {
      workers: 1,
      edges: 1,
      controlPlaneEnv: () => shifted('control-plane'),
    });
    const worker = await service.addWorker(shifted('worker'));
    const edge = await service.addEdge(shifted('edge'));
    await Promise.all([worker.start(), edge.start()]);
    const load = await run.workload(service);
    for (const [name, process] of Object.entries({ worker, edge, 'control-plane': service.controlPlane })) {
      for (const shiftMs of [HOUR_MS, -HOUR_MS, 0]) {
        writeFileSync(clockFile(name), String(shiftMs));
        process.signal('SIGUSR2');
        await sleep(STAY_MS);
        for (const { subscriber } of load.ephemeral) subscriber.cutConnection(); // who resumes needs a replay
        const ms = await load.progress();
        run.say(`${name} at ${shiftMs / HOUR_MS} h: all have events after ${(ms / 1000).toFixed(1)} s`);
      }
    }
    return load.settle();
  },
};
