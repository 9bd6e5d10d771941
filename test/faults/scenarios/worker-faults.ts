// Stream workers that die, freeze and come and go while events flow.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Scenario } from '../framework/scenario.ts';

/** Longer than a lease: whoever froze for so long has been replaced. */
const SHORT_FREEZE_MS = 6000;
const FREEZE_MS = 30_000;
const STORM_MS = 60_000;
const STORM_STEP_MS = 3000;
const MAX_EXTRA_WORKERS = 2;

export const workerKill: Scenario = {
  id: 'R1',
  title: 'kill -9 of a stream worker, 5 times',
  async run(run) {
    const service = await run.service(await run.stack(), { workers: 2, edges: 2 });
    const load = await run.workload(service);
    const pausesMs: number[] = [];
    for (let kill = 0; kill < (run.isShort ? 3 : 5); kill++) {
      const victim = run.random.pick(service.workers);
      run.say(`kill -9 ${victim.name}`);
      await victim.end('SIGKILL');
      pausesMs.push(await load.progress());
      await victim.start();
      await sleep(run.random.between(0, 500));
    }
    run.note(`all had events again after ${pausesMs.map((ms) => (ms / 1000).toFixed(1)).join(', ')} s`);
    return load.settle();
  },
};

export const workerFreeze: Scenario = {
  id: 'R3',
  title: 'SIGSTOP of a worker for 30 s (6 s in the short set), then SIGCONT: the zombie is fenced',
  async run(run) {
    const service = await run.service(await run.stack(), { workers: 2, edges: 2 });
    const load = await run.workload(service);
    const [zombie, other] = [service.worker(0), service.worker(1)];
    zombie.signal('SIGSTOP');
    const frozenMs = performance.now();
    await Promise.all(load.topics.map((topic) => service.assigned(topic.name, (worker) => worker === other.name)));
    run.note(`replaced after ${((performance.now() - frozenMs) / 1000).toFixed(1)} s`);
    await load.progress();
    await sleep((run.isShort ? SHORT_FREEZE_MS : FREEZE_MS) - (performance.now() - frozenMs));
    zombie.signal('SIGCONT');
    await load.progress();
    return load.settle();
  },
};

export const rebalanceStorm: Scenario = {
  id: 'R13',
  title: 'a worker is added or removed every 3 s for 60 s',
  async run(run) {
    const service = await run.service(await run.stack(), { workers: 1, edges: 1 });
    for (let extra = 0; extra < MAX_EXTRA_WORKERS; extra++) await service.addWorker();
    const extras = service.workers.slice(1);
    const load = await run.workload(service, { partitions: 8 });
    let changes = 0;
    const endMs = performance.now() + (run.isShort ? STORM_MS / 4 : STORM_MS);
    while (performance.now() < endMs) {
      const stepMs = performance.now();
      const worker = run.random.pick(extras);
      if (worker.isRunning) await worker.end(run.random.pick(['SIGTERM', 'SIGKILL']));
      else await worker.start({ ready: false });
      changes += 1;
      await sleep(Math.max(0, STORM_STEP_MS - (performance.now() - stepMs)));
    }
    run.note(`${changes} changes`);
    await load.progress();
    return load.settle();
  },
};
