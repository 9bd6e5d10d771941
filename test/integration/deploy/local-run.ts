// `make run` in a home and on ports of its own: deploy/local/run.ts as a process, with what it says.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { ROOT } from '../../../deploy/local/places.ts';
import { until } from '../harness/until.ts';

/** All services and processes start at once, on a machine whose cores may all be busy. */
const READY_TIMEOUT_MS = 180_000;

export interface LocalHome {
  readonly home: string;
  readonly portBase: number;
}

export class LocalRun {
  readonly #child: ChildProcess;
  #said = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => {
        this.#said += text;
      });
    }
  }

  /** @returns as soon as it was started */
  static start(place: LocalHome, env: Readonly<Record<string, string>> = {}): LocalRun {
    return new LocalRun(
      spawn(process.execPath, ['deploy/local/run.ts'], {
        cwd: ROOT,
        env: environmentOf(place, env),
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
  }

  /** Everything that it has said until now. */
  get said(): string {
    return this.#said;
  }

  async ready(): Promise<void> {
    const isReady = (): boolean => this.#said.includes('Ctrl-C stops everything.') || this.#child.exitCode !== null;
    await until('make run to be ready', READY_TIMEOUT_MS, isReady, () => this.#said);
    if (this.#child.exitCode !== null) throw new Error(`make run ended while starting: ${this.#said}`);
  }

  /** @returns its exit code */
  async ended(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    return this.#child.exitCode;
  }

  stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.ended();
  }
}

/** `make clean` */
export async function cleanLocalHome(place: LocalHome): Promise<number | null> {
  const child = spawn(process.execPath, ['deploy/local/clean.ts'], {
    cwd: ROOT,
    env: environmentOf(place),
    stdio: 'ignore',
  });
  await once(child, 'exit');
  return child.exitCode;
}

/** The caller's own settings must not reach it. */
function environmentOf({ home, portBase }: LocalHome, env: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('MDS_') && !name.startsWith('TAP'));
  return { ...Object.fromEntries(kept), MDS_HOME: home, MDS_PORT_BASE: String(portBase), ...env };
}
