// From a result's load runs to what the cost model is fitted on. Pure.

import type { LoadRun, Result } from '../result.ts';
import { type CostSample, TIERS, type WorkAmounts } from './cost-model.ts';
import type { Target, Weights } from './size-for.ts';

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

const isUsable = ({ failures, beyond = [], cpuSeconds, received, expected }: LoadRun): boolean =>
  failures.length + beyond.length === 0 && received === expected && TIERS.every((tier) => (cpuSeconds[tier] ?? 0) > 0);

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

/** A rate this many times the highest measured one is foretold from batches of another size. */
const FAR_BEYOND = 1.5;

/** Where the target lies outside of what was measured, and the model only guesses. */
export function rangeWarnings(samples: readonly CostSample[], target: Target): string[] {
  const rates = samples.map(({ work }) => (work.millionEvents / work.seconds) * 1e6);
  const mixes = samples.map(({ work }) => work.millionMatches / work.millionEvents);
  const [highest, fewest, most] = [Math.max(...rates), Math.min(...mixes), Math.max(...mixes)];
  const warnings: string[] = [];
  if (target.eventsPerSecond > highest * FAR_BEYOND) {
    warnings.push(
      `the highest measured rate is ${Math.round(highest)} events/s: at higher ones batches grow and cost less for each event, so this is too much rather than too little`,
    );
  }
  if (most < fewest * FAR_BEYOND) {
    warnings.push(
      `all runs have ${most.toPrecision(2)} matches/event: what an event costs and what a match costs cannot be told apart`,
    );
  }
  if (target.matchesPerEvent > most * FAR_BEYOND || target.matchesPerEvent < fewest / FAR_BEYOND) {
    warnings.push(
      `measured were ${fewest.toPrecision(2)} to ${most.toPrecision(2)} matches/event, not ${target.matchesPerEvent}`,
    );
  }
  return warnings;
}
