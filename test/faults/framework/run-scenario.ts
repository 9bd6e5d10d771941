// Runs one scenario with one seed and makes its row: starts what it asks for, ends it all, and keeps the logs of a run
// that failed. A run that throws or takes too long is a row too.

import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProcess } from '../../integration/harness/processes.ts';
import { TestService } from '../../integration/harness/service.ts';
import { FaultyProxy } from '../proxy/faulty-proxy.ts';
import { NO_COUNTS } from './account.ts';
import { faultsOfRow, type Row } from './row.ts';
import type { Run, Scenario, ServiceOptions } from './scenario.ts';
import { SeededRandom } from './seeded-random.ts';
import type { Settlement } from './settlement.ts';
import type { FaultStack, StackKind, Stacks } from './stacks.ts';
import { Workload, type WorkloadOptions } from './workload.ts';

const DEFAULT_TIMEOUT_MS = 240_000;
const MS_PER_SECOND = 1000;
const MAX_SHOWN_CHARS = 600;

/** What several runs of one scenario use one after the other. */
export interface SharedParts {
  readonly value: unknown;
  readonly services: readonly TestService[];
  readonly proxies: readonly FaultyProxy[];
  readonly end: () => Promise<readonly string[]>;
}

export interface RunOptions {
  readonly seed: number;
  readonly isShort: boolean;
  readonly stacks: Stacks;
  /** By scenario. */
  readonly shared: Map<string, SharedParts>;
  readonly say: (line: string) => void;
  /** Logs of a failed run are copied below. */
  readonly resultDirectory: string;
}

export async function runScenario(scenario: Scenario, options: RunOptions): Promise<Row> {
  const run = new OneRun(scenario.id, options);
  const startedMs = performance.now();
  const settlement = await withinTime(scenario, run).catch((error: unknown): Settlement => {
    run.problem(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return { produced: 0, ephemeral: NO_COUNTS, durable: null, redelivered: 0, reconnects: 0, gaps: 0, problems: [] };
  });
  run.findFatalErrors();
  const row: Row = {
    id: scenario.id,
    title: scenario.title,
    seed: options.seed,
    seconds: (performance.now() - startedMs) / MS_PER_SECOND,
    produced: settlement.produced,
    ephemeral: settlement.ephemeral,
    durable: settlement.durable,
    notes: [
      ...run.notes,
      `${settlement.reconnects} reconnects`,
      `${settlement.redelivered} redelivered`,
      `${settlement.gaps} gaps told`,
    ],
    problems: [...settlement.problems, ...run.problems],
  };
  const failed = faultsOfRow(row).length > 0;
  if (failed) run.keepLogs(faultsOfRow(row));
  const unclean = await run.end(failed);
  return unclean.length === 0 ? row : { ...row, problems: [...row.problems, ...unclean] };
}

const withinTime = (scenario: Scenario, run: OneRun): Promise<Settlement> =>
  withDeadline(scenario.timeoutMs ?? DEFAULT_TIMEOUT_MS, scenario.run(run));

/** @throws Error when it is not done in time; it may go on all the same */
async function withDeadline<T>(timeoutMs: number, work: T | Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${timeoutMs / MS_PER_SECOND} s`)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

class OneRun implements Run {
  readonly id: string;
  readonly seed: number;
  readonly isShort: boolean;
  readonly random: SeededRandom;
  /** Of lines: how often they ask depends on time, which must not change what the run draws. */
  readonly #chance: SeededRandom;
  readonly notes: string[] = [];
  readonly problems: string[] = [];
  readonly #options: RunOptions;
  readonly #ends: (() => unknown)[] = [];
  readonly #services = new Set<TestService>();
  readonly #fatalsBefore = new Map<TestService, number>();
  readonly #proxies: FaultyProxy[] = [];
  readonly #stacks = new Set<FaultStack>();

  constructor(id: string, options: RunOptions) {
    this.id = id;
    this.seed = options.seed;
    this.isShort = options.isShort;
    this.random = new SeededRandom(options.seed);
    this.#chance = new SeededRandom(options.seed + 1);
    this.#options = options;
  }

  say(line: string): void {
    this.#options.say(`    ${this.id}: ${line}`);
  }

  note(text: string): void {
    this.notes.push(text);
    this.say(text);
  }

  problem(text: string): void {
    this.problems.push(text);
    this.say(`PROBLEM ${text}`);
  }

  async stack(kind: StackKind = 'one-broker'): Promise<FaultStack> {
    const stack = await this.#options.stacks.get(kind);
    this.#stacks.add(stack);
    return stack;
  }

  async service(stack: FaultStack, options: ServiceOptions = {}): Promise<TestService> {
    const service = await TestService.create({ ...stack, release: async () => undefined }, options);
    this.atEnd(() => service.dispose(false));
    await this.#startAll(service);
    return service;
  }

  async shared<T>(make: () => Promise<T>): Promise<T> {
    const known = this.#options.shared.get(this.id);
    if (known !== undefined) {
      this.#proxies.push(...known.proxies);
      for (const service of known.services) await this.#startAll(service);
      return known.value as T; // the same scenario has made it
    }
    const own = this.#ends.splice(0);
    const value = await make();
    const ends = this.#ends.splice(0);
    this.#ends.push(...own);
    const [services, proxies] = [[...this.#services], [...this.#proxies]];
    this.#options.shared.set(this.id, { value, services, proxies, end: () => endAll(ends) });
    return value;
  }

  async proxyTo(targetPort: number, port = 0): Promise<FaultyProxy> {
    const proxy = await FaultyProxy.listen(targetPort, () => this.#chance.ratio(), port);
    this.#proxies.push(proxy);
    this.atEnd(() => proxy.close());
    return proxy;
  }

  workload(service: TestService, options: WorkloadOptions = {}): Promise<Workload> {
    return Workload.start(service, this.random, (action) => this.atEnd(action), options);
  }

  atEnd(action: () => unknown): void {
    this.#ends.push(action);
  }

  /** A process that gave up, or met a bug, has failed the run, whatever the accounts say. */
  findFatalErrors(): void {
    for (const service of this.#services) {
      const seen = this.#fatalsBefore.get(service) ?? 0;
      for (const line of fatalLinesOf(service).slice(seen)) this.problem(line.slice(0, MAX_SHOWN_CHARS));
    }
  }

  keepLogs(faults: readonly string[]): void {
    const directory = join(this.#options.resultDirectory, `${this.id}-${this.seed}`);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'faults.txt'), `${faults.join('\n')}\n`);
    for (const service of this.#services) cpSync(join(service.directory, 'logs'), directory, { recursive: true });
    for (const stack of this.#stacks) cpSync(stack.services.places.logs, join(directory, 'stack'), { recursive: true });
  }

  /** @returns what went wrong while ending */
  async end(failed: boolean): Promise<readonly string[]> {
    for (const proxy of this.#proxies) proxy.heal();
    // what a run has broken must stand again before processes can end in good order
    const problems = [...(await endAll([() => this.#options.stacks.restore()])), ...(await endAll(this.#ends))];
    const shared = this.#options.shared.get(this.id);
    if (!failed || shared === undefined) return problems;
    this.#options.shared.delete(this.id);
    return [...problems, ...(await shared.end())];
  }

  async #startAll(service: TestService): Promise<void> {
    this.#services.add(service);
    this.#fatalsBefore.set(service, fatalLinesOf(service).length);
    const startOrAwait = (process: TestProcess): Promise<void> =>
      process.isRunning ? process.ready() : process.start();
    await startOrAwait(service.controlPlane);
    await Promise.all([...service.workers, ...service.edges].map(startOrAwait));
  }
}

/** A process that drains may take 10 s, and a Kafka client as long to leave brokers that were broken. */
const END_TIMEOUT_MS = 30_000;

/** Last one first. @returns what went wrong */
async function endAll(actions: readonly (() => unknown)[]): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const action of [...actions].reverse()) {
    try {
      await withDeadline(END_TIMEOUT_MS, action());
    } catch (error) {
      problems.push(`while ending: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return problems;
}

/** Shared services write on over many runs. */
function fatalLinesOf({ directory }: TestService): readonly string[] {
  const logs = join(directory, 'logs');
  mkdirSync(logs, { recursive: true });
  return readdirSync(logs).flatMap((name) =>
    readFileSync(join(logs, name), 'utf8')
      .split('\n')
      .filter((line) => line.includes('"level":"fatal"')),
  );
}
