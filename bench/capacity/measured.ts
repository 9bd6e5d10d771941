// From a result's load runs to what the cost model is fitted on. Pure.

import type { LoadRun, Result } from '../result.ts';
import { type CostSample, TIERS, type WorkAmounts } from './cost-model.ts';
import type { Weights } from './size-for.ts';

/** Runs that say what the service costs: complete, nothing lost, every tier's CPU time known. */
export function costSamples({ suites }: Result): CostSample[] {
  return suites.flatMap(({ suite, runs }) =>
    runs.filter(isUsable).map((run) => ({
      name: `${suite}: ${run.name}`,
      work: workOf(run),
      cpuSeconds: {
        broker: run.cpuSeconds.broker ?? 0,
        workerMain: run.cpuSeconds.workerMain ?? 0,
        kernel: run.cpuSeconds.kernel ?? 0,
        redis: run.cpuSeconds.redis ?? 0,
        edge: run.cpuSeconds.edge ?? 0,
      },
    })),
  );
}

const isUsable = ({ failures, cpuSeconds, received, expected }: LoadRun): boolean =>
  failures.length === 0 && received === expected && TIERS.every((tier) => (cpuSeconds[tier] ?? 0) > 0);

/** Of the measured time alone: `produced` and `received`, which settle what was lost, may count the warm-up too. */
function workOf(run: LoadRun): WorkAmounts {
  return {
    seconds: run.seconds,
    millionEvents: (run.achievedEventsPerSecond * run.seconds) / 1e6,
    megabytesIn: run.megabytesIn,
    millionMatches: run.matches / 1e6,
    laneMegabytes: run.laneMegabytes,
    millionDeliveries: (run.deliveriesPerSecond * run.seconds) / 1e6,
    clientMegabytes: run.clientMegabytes,
  };
}

const IDLE_BYTES_FIGURE = 'connections.idleBytes';

/** What an event and a delivery weigh, over all runs together; the runs with most deliveries say most. */
export function measuredWeights(
  samples: readonly CostSample[],
  { suites }: Result,
): Weights & { readonly eventBytes: number } {
  const total = (of: (work: WorkAmounts) => number): number => samples.reduce((sum, { work }) => sum + of(work), 0);
  const idle = suites.flatMap(({ figures }) => figures).find(({ id }) => id === IDLE_BYTES_FIGURE);
  return {
    eventBytes: total(({ megabytesIn }) => megabytesIn) / total(({ millionEvents }) => millionEvents),
    laneBytesPerMatch: total(({ laneMegabytes }) => laneMegabytes) / total(({ millionMatches }) => millionMatches),
    clientBytesPerDelivery:
      total(({ clientMegabytes }) => clientMegabytes) / total(({ millionDeliveries }) => millionDeliveries),
    connectionBytes: idle?.value ?? null,
  };
}
