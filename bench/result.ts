// The result of a bench run, as it is written to result.json and read again by the report, the comparison and the capacity
// model. Everything a reader needs to judge a figure is in here: machine, versions, revision, settings, raw histograms.

import type { CeilingsData } from './suites/ceilings/ceilings.ts';
import type { PointsOutcome } from './suites/kernel/run-points.ts';

export interface Result {
  readonly formatVersion: 1;
  readonly startedAt: string;
  readonly seconds: number;
  readonly size: 'quick' | 'full';
  readonly machine: Machine;
  /** By name: node, kafka, redis, node-rdkafka … */
  readonly versions: Readonly<Record<string, string>>;
  readonly git: { readonly revision: string; readonly changed: boolean };
  readonly suites: readonly SuiteResult[];
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  /** Mean number of busy threads in the minute before the run: what else the machine had to do. */
  readonly loadBefore: number;
}

export interface SuiteResult {
  readonly suite: string;
  readonly seconds: number;
  /** What was set, and how it was measured: warm-up, repetitions, durations. */
  readonly config: Readonly<Record<string, string | number>>;
  /** Each makes the suite's figures void: a saturated generator, a lost event, a step that did not run. */
  readonly failures: readonly string[];
  /** What the suite found, as numbers with names: for the table of goals and for comparisons. */
  readonly figures: readonly Figure[];
  /** Runs of load through the whole service, or through a peer. */
  readonly runs: readonly LoadRun[];
  readonly kernel?: PointsOutcome;
  readonly ceilings?: CeilingsData;
  /** .cpuprofile files, below the result's directory. */
  readonly profiles: readonly Profile[];
}

export interface Figure {
  /** Stable from run to run: `firehose.eventsPerSecond`. */
  readonly id: string;
  readonly label: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  readonly value: number;
  /** Lowest and highest of the repetitions; both the value itself when there was only one. */
  readonly low: number;
  readonly high: number;
}

export interface Profile {
  readonly tier: string;
  readonly file: string;
}

/** Processes, or threads of them, whose time is told apart. */
export const TIERS = ['producer', 'broker', 'workerMain', 'kernel', 'redis', 'edge', 'clients'] as const;
export type Tier = (typeof TIERS)[number];

/** Load at one rate for some time, open loop: latency counts from when an event was to be sent. */
export interface LoadRun {
  /** Unique in the suite: `1,000 filters at 200,000/s`. */
  readonly name: string;
  readonly offeredEventsPerSecond: number;
  readonly achievedEventsPerSecond: number;
  readonly deliveriesPerSecond: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
  readonly produced: number;
  /** (event, channel) pairs: what went over lanes. One channel with a thousand subscribers: a thousand deliveries. */
  readonly matches: number;
  /** Deliveries that there should have been, and those that there were. */
  readonly expected: number;
  readonly received: number;
  /** Of one core, the busiest process of the generator. Above 0.9 the figures say more of it than of the service. */
  readonly generatorBusyShare: number;
  readonly failures: readonly string[];
  /** A search for a limit goes beyond it: why this run shows where the limit is, and is no measurement of the service. */
  readonly beyond?: readonly string[];
  /** From intended send to client. */
  readonly latency: Latency;
  /** The same, split by stage, in order. */
  readonly stages: readonly { readonly stage: string; readonly latency: Latency }[];
  /** From intended send to the broker's acknowledgement, for each record. */
  readonly acknowledged?: Latency;
  readonly cpuSeconds: Readonly<Partial<Record<Tier, number>>>;
  readonly peakMemoryBytes: Readonly<Partial<Record<Tier, number>>>;
  /** How much was done, for the capacity model; megabytes are 10^6 bytes. */
  readonly megabytesIn: number;
  readonly laneMegabytes: number;
  readonly clientMegabytes: number;
}

export interface Latency {
  readonly count: number;
  readonly meanMs: number;
  readonly maxMs: number;
  /** Rising in both: [0.5, 3.2] is the median. */
  readonly percentiles: readonly (readonly [share: number, ms: number])[];
  /** The whole HdrHistogram, compressed, base64, in microseconds. */
  readonly histogram: string;
}

/** The latency that this share of the deliveries stayed within. */
export function latencyAt({ percentiles, maxMs }: Latency, share: number): number {
  return percentiles.find(([of]) => of >= share - 1e-9)?.[1] ?? maxMs;
}
