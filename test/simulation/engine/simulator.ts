// Virtual time. One event happens after the other; each is a step: its action runs as its process, then all promises that
// it settled, then the invariants are looked at. Nothing happens between steps, so a run depends on its seed alone.

import { drainMicrotasks } from './drain-microtasks.ts';
import { EventHeap, type PlannedEvent } from './event-heap.ts';
import { Random } from './random.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { Trace } from './trace.ts';

/** The end of a run that went wrong. */
class Violation extends Error {}

/** A moment in 2026; true time of the simulation begins here. */
const START_MS = 1_800_000_000_000;

export class Simulator {
  readonly random: Random;
  readonly trace: Trace;
  /** Looked at behind every step; they tell `fail`. */
  readonly invariants: (() => void)[] = [];
  readonly #heap = new EventHeap();
  #nowMs = START_MS;
  #planned = 0;
  #steps = 0;
  #current: SimulatedProcess | null = null;
  #failure: unknown = null;

  constructor(seed: number, keepsTrace: boolean) {
    this.random = new Random(seed);
    this.trace = new Trace(keepsTrace);
  }

  /** True time, ms since 1970. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Since the beginning. */
  get elapsedMs(): number {
    return this.#nowMs - START_MS;
  }

  get steps(): number {
    return this.#steps;
  }

  /** Whose step it is. */
  get current(): SimulatedProcess | null {
    return this.#current;
  }

  newProcess(name: string): SimulatedProcess {
    return new SimulatedProcess(name, (waiting) => {
      for (const event of waiting) this.#push(event, this.#nowMs);
    });
  }

  /** @returns cancels it */
  plan(delayMs: number, process: SimulatedProcess | null, what: string, action: () => void): () => void {
    const event = { atMs: 0, order: 0, process, what, action, isCancelled: false };
    this.#push(event, this.#nowMs + Math.max(0, delayMs));
    return () => {
      event.isCancelled = true;
    };
  }

  /** Runs it as this process: timers and connections that it makes are that one's. */
  as<Made>(process: SimulatedProcess, make: () => Made): Made {
    const before = this.#current;
    this.#current = process;
    try {
      return make();
    } finally {
      this.#current = before;
    }
  }

  /** The same event again keeps whoever may cancel it. */
  #push(event: PlannedEvent, atMs: number): void {
    event.atMs = atMs;
    event.order = this.#planned++;
    this.#heap.push(event);
  }

  note(text: string, who = this.#current?.name ?? ''): void {
    this.trace.line(this.elapsedMs, who, text);
  }

  /** Something that must not be was seen; the run ends behind the present step. */
  fail(problem: unknown): void {
    this.#failure ??= problem instanceof Error ? problem : new Violation(String(problem));
  }

  /**
   * @throws what was thrown in a step, or told to `fail`
   * @returns true when it was done, false when the time was up
   */
  run(isDone: () => boolean, limitMs: number): boolean {
    const endMs = this.#nowMs + limitMs;
    while (!isDone()) {
      const event = this.#heap.pop();
      if (event === undefined) return false;
      if (event.atMs > endMs) {
        this.#heap.push(event);
        this.#nowMs = endMs;
        return false;
      }
      this.#nowMs = event.atMs;
      this.#step(event);
      if (this.#failure !== null) throw this.#failure;
    }
    return true;
  }

  #step(event: PlannedEvent): void {
    const { process, what, action, isCancelled } = event;
    if (isCancelled || process?.isGone) return;
    if (process?.isPaused) {
      process.wait(event);
      return;
    }
    this.#steps += 1;
    this.#current = process;
    this.trace.step(this.elapsedMs, process?.name ?? '', what);
    try {
      action();
      drainMicrotasks();
      for (const invariant of this.invariants) invariant();
    } catch (error) {
      this.fail(error);
    } finally {
      this.#current = null;
    }
  }
}
