// Every process is stopped politely and started again, one after the other: nobody may notice, not even the wire may carry
// an event twice, and no partition may get far behind.

import type { Scenario } from '../framework/scenario.ts';

/** Hand-overs take a tenth of a second; processes that start beside everything else on two cores take the rest. */
const MAX_LAG_MS = 3000;

export const rollingStop: Scenario = {
  id: 'R2',
  title: 'SIGTERM of every process in turn, and back (of one worker and one edge in the short set)',
  async run(run) {
    const service = await run.service(await run.stack(), { workers: 2, edges: 2 });
    const load = await run.workload(service, { watchesWire: true });
    const lag = load.watchLag();
    run.atEnd(() => lag.end());
    const all = [service.controlPlane, ...service.workers, ...service.edges];
    for (const process of run.isShort ? [service.worker(0), service.edge(0)] : all) {
      const stoppedMs = performance.now();
      const { code } = await process.end('SIGTERM');
      if (code !== 0) run.problem(`${process.name} ended with code ${code}`);
      run.say(`${process.name} ended after ${((performance.now() - stoppedMs) / 1000).toFixed(1)} s`);
      await load.progress();
      await process.start();
      await load.progress();
    }
    const lagMs = lag.end();
    run.note(`no partition was more than ${Math.round(lagMs)} ms behind`);
    if (lagMs > MAX_LAG_MS) run.problem(`a partition was ${Math.round(lagMs)} ms behind`);
    const settlement = await load.settle();
    const twice = load.watchers.reduce((sum, { subscriber }) => sum + subscriber.wireDuplicates, 0);
    run.note(`${twice} events twice on the wire`);
    if (twice > 0) run.problem(`${twice} events came twice over the wire`);
    return settlement;
  },
};
