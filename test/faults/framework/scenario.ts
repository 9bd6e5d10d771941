// What a scenario is, and what it is given: a run with a seed, parts to break, and a place to say what goes on.

import type { TestService } from '../../integration/harness/service.ts';
import type { FaultyProxy } from '../proxy/faulty-proxy.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { Settlement } from './settlement.ts';
import type { FaultStack, StackKind } from './stacks.ts';
import type { Workload, WorkloadOptions } from './workload.ts';

export interface ServiceOptions {
  readonly workers?: number;
  readonly edges?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Made from the variables that all processes have. */
  readonly controlPlaneEnv?: (env: Readonly<Record<string, string>>) => Readonly<Record<string, string>>;
}

export interface Run {
  readonly id: string;
  readonly seed: number;
  /** Less of everything: what `make test` has time for. */
  readonly isShort: boolean;
  readonly random: SeededRandom;
  /** Shown as progress. */
  say(line: string): void;
  /** Kept for the table. */
  note(text: string): void;
  /** The run fails with this, and goes on. */
  problem(text: string): void;
  stack(kind?: StackKind): Promise<FaultStack>;
  /** Control plane, workers and edges, all ready; ended after the run. */
  service(stack: FaultStack, options?: ServiceOptions): Promise<TestService>;
  /** What `make` makes serves all runs of this scenario until one fails, so that ten runs need not start it ten times. */
  shared<T>(make: () => Promise<T>): Promise<T>;
  /** @param port to listen on; default: any */
  proxyTo(targetPort: number, port?: number): Promise<FaultyProxy>;
  workload(service: TestService, options?: WorkloadOptions): Promise<Workload>;
  /** Done at the end, last one first, whatever happened. */
  atEnd(action: () => unknown): void;
}

export interface Scenario {
  readonly id: string;
  readonly title: string;
  /** How many runs with a seed each; default 1. */
  readonly seeds?: number;
  readonly timeoutMs?: number;
  run(run: Run): Promise<Settlement>;
}
