// Starts the project's processes as what they are: separate Node processes with an environment, signals, exit codes and
// logs. They end with the test that started them, whatever happens to it.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ChildEnd, lastLines, type RunningChild, sendSignal, startChild } from '../../../deploy/local/child.ts';
import { ROOT } from '../../../deploy/local/places.ts';
import { freePort } from './free-port.ts';
import { until } from './until.ts';

export type ProcessKind = 'control-plane' | 'stream' | 'edge' | 'collector' | 'ingest' | 'rollup' | 'query';

const ENTRIES: Readonly<Record<ProcessKind, string>> = {
  'control-plane': 'control-plane/main.ts',
  stream: 'workers/stream/main.ts',
  edge: 'workers/edge/main.ts',
  collector: 'workers/collector/main.ts',
  ingest: 'workers/ingest/main.ts',
  rollup: 'workers/rollup/main.ts',
  query: 'workers/query/main.ts',
};

/** Starting includes loading a native module, connecting to everything and, for the control plane, migrations. */
const READY_TIMEOUT_MS = 60_000;
/** A test that produces thousands of events a second on a busy machine is itself late to see an answer. */
const ANSWER_TIMEOUT_MS = 10_000;
/** A drain may take 10 s (DESIGN §6). */
const STOP_TIMEOUT_MS = 15_000;
const LOG_TAIL_LINES = 60;

interface ProcessSpec {
  readonly kind: ProcessKind;
  /** Unique in the test; also its MDS_PROCESS_ID. */
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  /** Logs and pid files go below. */
  readonly directory: string;
}

export class TestProcess {
  readonly kind: ProcessKind;
  readonly name: string;
  readonly httpUrl: string;
  /** Where clients connect; empty for what is not an edge. */
  readonly clientUrl: string;
  readonly #spec: ProcessSpec;
  readonly #env: Readonly<Record<string, string>>;
  #child: RunningChild | null = null;

  private constructor(spec: ProcessSpec, httpPort: number, edgePort: number) {
    this.#spec = spec;
    this.kind = spec.kind;
    this.name = spec.name;
    this.httpUrl = `http://127.0.0.1:${httpPort}`;
    this.clientUrl = spec.kind === 'edge' ? `ws://127.0.0.1:${edgePort}/v1/stream` : '';
    this.#env = {
      MDS_HTTP_PORT: String(httpPort),
      ...(spec.kind === 'edge' ? { MDS_EDGE_PORT: String(edgePort) } : {}),
      MDS_PROCESS_ID: spec.name,
      MDS_AUTH: 'off', // tests of identities turn it on
      ...spec.env,
    };
  }

  /** Chooses ports but starts nothing yet. */
  static async create(spec: ProcessSpec): Promise<TestProcess> {
    return new TestProcess(spec, await freePort(), await freePort());
  }

  get pid(): number | undefined {
    return this.isRunning ? this.#child?.record.pid : undefined;
  }

  get isRunning(): boolean {
    return this.#child !== null && this.#child.hasEnded() === undefined;
  }

  get logFile(): string {
    return join(this.#spec.directory, 'logs', `${this.name}.log`);
  }

  /** Starts it (again, with the same ports and name) and waits until /readyz says yes. */
  async start({ ready = true }: { readonly ready?: boolean } = {}): Promise<void> {
    if (this.isRunning) throw new Error(`${this.name} runs already`);
    const runDirectory = join(this.#spec.directory, 'run');
    mkdirSync(runDirectory, { recursive: true });
    this.#child = await startChild({
      name: this.name,
      file: process.execPath,
      args: [ENTRIES[this.kind]],
      cwd: ROOT,
      env: { ...withoutServiceVariables(process.env), ...this.#env },
      stopSignal: 'SIGTERM',
      listens: [],
      logFile: this.logFile,
      runDirectory,
      diesWithParent: true,
    });
    if (ready) await this.ready();
  }

  async ready(timeoutMs = READY_TIMEOUT_MS): Promise<void> {
    let last = 'no answer';
    await until(
      `${this.name} to be ready`,
      timeoutMs,
      async () => {
        if (!this.isRunning) return true;
        const answer = await fetch(`${this.httpUrl}/readyz`, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
        last = `${answer.status} ${await answer.text()}`;
        return answer.ok;
      },
      () => `${last}\n${this.logTail()}`,
    );
    if (!this.isRunning) throw new Error(`${this.name} ended while starting:\n${this.logTail()}`);
  }

  /** Sends a signal and does not wait. */
  signal(signal: NodeJS.Signals): void {
    if (this.#child === null || !sendSignal(this.#child.record, signal)) throw new Error(`${this.name} does not run`);
  }

  /** Ends it and waits until it is gone. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<ChildEnd> {
    this.signal(signal);
    return this.ended();
  }

  /** @throws Error when it has not ended after 15 s; it is killed then */
  async ended(): Promise<ChildEnd> {
    const child = this.#child;
    if (child === null) throw new Error(`${this.name} was never started`);
    try {
      return await until(
        `${this.name} to end`,
        STOP_TIMEOUT_MS,
        () => child.hasEnded(),
        () => this.logTail(),
      );
    } catch (error) {
      sendSignal(child.record, 'SIGKILL');
      throw error;
    }
  }

  /** For clean-up: ends it if it runs, in whatever state it is. */
  async dispose(): Promise<void> {
    const child = this.#child;
    if (child === null || !this.isRunning) return;
    sendSignal(child.record, 'SIGCONT');
    sendSignal(child.record, 'SIGTERM');
    await this.ended();
  }

  logTail(): string {
    return `── the end of ${this.logFile}\n${lastLines(this.logFile, LOG_TAIL_LINES)}\n──`;
  }

  /** One metric of /metrics, summed over its labels. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.httpUrl}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
}

/** The caller's own MDS_ settings must not reach the processes under test. */
function withoutServiceVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith('MDS_') && !name.startsWith('TAP')),
  );
}
