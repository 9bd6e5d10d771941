// One process of the simulation, as far as the machine sees it: it runs, stands still (SIGSTOP, a long pause), or is gone.
// What is planned for a process that is gone never happens; what comes to one that stands still waits.

import type { PlannedEvent } from './event-heap.ts';

export class SimulatedProcess {
  readonly name: string;
  /** What its clock shows beyond the true time. */
  clockSkewMs = 0;
  readonly #onResume: (waiting: readonly PlannedEvent[]) => void;
  #state: 'running' | 'paused' | 'gone' = 'running';
  #waiting: PlannedEvent[] = [];
  readonly #onCrash: (() => void)[] = [];

  constructor(name: string, onResume: (waiting: readonly PlannedEvent[]) => void) {
    this.name = name;
    this.#onResume = onResume;
  }

  get isGone(): boolean {
    return this.#state === 'gone';
  }

  get isPaused(): boolean {
    return this.#state === 'paused';
  }

  wait(event: PlannedEvent): void {
    this.#waiting.push(event);
  }

  pause(): void {
    if (this.#state === 'running') this.#state = 'paused';
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    this.#onResume(this.#waiting.splice(0));
  }

  /** What the rest of the world notices of its end. */
  onCrash(action: () => void): void {
    this.#onCrash.push(action);
  }

  crash(): void {
    if (this.#state === 'gone') return;
    this.#state = 'gone';
    this.#waiting = [];
    for (const action of this.#onCrash.splice(0)) action();
  }
}
