// A part of a measurement in a process of its own (a consumer, a publisher, a server, the clients): so that one
// does not run on another's time, and each one's CPU can be told. Both ends of the conversation with it.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';

/** 60 s: no part takes longer than 20; a part that hangs must not hang the bench. */
const ANSWER_TIMEOUT_MS = 60_000;

/** A message either way. `error`: the part has failed and ends. */
export interface PartMessage {
  readonly kind: string;
  readonly [member: string]: unknown;
}

export class Part {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #came: PartMessage[] = [];
  #notify: () => void = () => undefined;
  #ended = false;

  /**
   * @param entry a file that calls `runPart`
   * @param flags for Node
   */
  constructor(entry: URL, setting: unknown, flags: readonly string[] = []) {
    this.#name = basename(entry.pathname);
    this.#child = fork(entry, [JSON.stringify(setting)], {
      serialization: 'json',
      execArgv: [...flags],
    });
    this.#child.on('message', (message) => {
      this.#came.push(message as PartMessage); // sent by `tell` in the part's process
      this.#notify();
    });
    this.#child.on('exit', () => {
      this.#ended = true;
      this.#notify();
    });
  }

  send(message: PartMessage): void {
    this.#child.send(message);
  }

  /** Waits for a message of this kind; others stay for whoever asks for them. @throws Error when the part fails or ends */
  async answer(kind: string): Promise<PartMessage> {
    const deadlineMs = performance.now() + ANSWER_TIMEOUT_MS;
    for (;;) {
      const place = this.#came.findIndex((message) => message.kind === kind);
      if (place >= 0) return this.#came.splice(place, 1)[0] ?? { kind };
      const failure = this.#came.find((message) => message.kind === 'error');
      if (failure) throw new Error(`${this.#name}: ${failure.message}`);
      if (this.#ended) throw new Error(`${this.#name} ended before it said ${kind}`);
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw new Error(`${this.#name} did not say ${kind} within ${ANSWER_TIMEOUT_MS} ms`);
      await this.#somethingCame(leftMs);
    }
  }

  /** Ends the part, whatever it does. */
  async end(): Promise<void> {
    if (this.#ended) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL'); // it holds nothing that needs a goodbye
    await exit;
  }

  async #somethingCame(waitMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, waitMs);
    this.#notify = resolve;
    await promise;
    clearTimeout(timer);
  }
}

/** In the part's process: what it was started with. */
export function partSetting<Setting>(): Setting {
  return JSON.parse(process.argv[2] ?? '{}') as Setting; // written by Part's constructor
}

/** In the part's process: says something to whoever started it. */
export function tell(message: PartMessage): void {
  process.send?.(message);
}

/** In the part's process: runs its work, and says why when it fails. */
export async function runPart(work: () => Promise<void>): Promise<void> {
  if (process.listenerCount('disconnect') === 0) process.on('disconnect', endAlone);
  try {
    await work();
  } catch (error) {
    tell({ kind: 'error', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

/** Nobody is left to hear an answer. */
const endAlone = (): never => process.exit(0);

/** CPU time of this process since `since`, threads included. */
export function cpuMsSince(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}
