// One run: a world, a while of faults under load, then none, until everybody has everything or the time is up.

import { assertDrains, drainMicrotasks } from './engine/drain-microtasks.ts';
import { Simulator } from './engine/simulator.ts';
import { installVirtualGlobals } from './engine/virtual-globals.ts';
import { endFaults, injectFaults } from './faults.ts';
import { World } from './world.ts';

const CALM_MS = 1500;
const FAULTS_MS = { low: 2000, high: 9000 } as const;
const FAULT_INTERVAL_MS = { low: 80, high: 900 } as const;
const PRODUCE_MS = { low: 8, high: 90 } as const;
/** Everything that takes its time at all takes less than this: leases, dead edges, timeouts one after the other. */
const SETTLE_MS = 40_000;
const LAST_LINES = 50;

export interface RunResult {
  readonly seed: number;
  /** Null: everything held. */
  readonly failure: string | null;
  readonly traceHash: string;
  readonly lastLines: readonly string[];
  readonly steps: number;
  readonly faults: number;
  readonly events: number;
  /** Events handed to users. */
  readonly given: number;
  readonly gaps: number;
  readonly virtualMs: number;
}

export interface RunOptions {
  /** Keeps and shows every line of the trace, frames too, instead of the last ones. */
  readonly showsAll?: boolean;
  /** Kinds of fault that do not strike. */
  readonly without?: readonly string[];
}

export function runSeed(seed: number, { showsAll = false, without = [] }: RunOptions = {}): RunResult {
  assertDrains();
  const simulator = new Simulator(seed, showsAll);
  const restore = installVirtualGlobals(simulator);
  const onRejection = (error: unknown): void => simulator.fail(error);
  process.on('unhandledRejection', onRejection);
  let failure: string | null = null;
  let faults = (): number => 0;
  let world: World | null = null;
  try {
    world = new World(simulator);
    faults = play(world, without);
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
  } finally {
    drainMicrotasks();
    process.off('unhandledRejection', onRejection);
    restore();
  }
  const ledgers = world?.users.flatMap((user) => user.ledgers) ?? [];
  return {
    seed,
    failure,
    traceHash: simulator.trace.hash,
    lastLines: simulator.trace.last(showsAll ? Number.POSITIVE_INFINITY : LAST_LINES),
    steps: simulator.steps,
    faults: faults(),
    events: world?.truth.count ?? 0,
    given: ledgers.reduce((sum, { given }) => sum + given, 0),
    gaps: ledgers.reduce((sum, { gaps }) => sum + gaps, 0),
    virtualMs: simulator.elapsedMs,
  };
}

/** @returns how many faults have struck */
function play(world: World, without: readonly string[]): () => number {
  const { simulator } = world;
  const { random } = simulator;
  let isOver = false;
  const everyMs = random.between(PRODUCE_MS.low, PRODUCE_MS.high);
  const produce = (): void => {
    simulator.plan(random.between(0, 2 * everyMs), null, 'produce', () => {
      if (isOver) return;
      world.produce();
      produce();
    });
  };
  produce();
  simulator.run(() => false, random.between(0, CALM_MS));
  const intervalMs = random.between(FAULT_INTERVAL_MS.low, FAULT_INTERVAL_MS.high);
  const faults = injectFaults(world, intervalMs, without, () => isOver);
  simulator.run(() => false, random.between(FAULTS_MS.low, FAULTS_MS.high));
  isOver = true;
  endFaults(world);
  simulator.note('--- no more faults, no more events', '');
  const revive = (): void => {
    simulator.plan(1000, null, 'revive', () => {
      world.revive();
      revive();
    });
  };
  revive();
  const isDone = (): boolean => world.users.every((user) => user.isSettled) && world.isConsumed;
  if (simulator.run(isDone, SETTLE_MS)) return faults;
  const waiting = world.users.filter((user) => !user.isSettled).map(({ situation }) => situation);
  if (!world.isConsumed) {
    waiting.push(`durable: ${world.durableLedger.missing}`, ...world.consumers.map(({ situation }) => situation));
  }
  throw new Error(`after ${SETTLE_MS / 1000} s without faults not everybody has everything: ${waiting.join(' | ')}`);
}
