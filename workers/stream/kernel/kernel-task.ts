// What a kernel thread is given and what it answers: plain data and shared memory.

import type { KernelLimits, KernelResult } from './kernel.ts';
import type { PlanDelta } from './plan-delta.ts';

export interface KernelTask {
  /** Applied first, in order. */
  readonly deltas: readonly PlanDelta[];
  readonly slab?: SharedArrayBuffer;
  readonly firstRecord: number;
  readonly output: SharedArrayBuffer;
  readonly watermark: boolean;
}

/** Shared memory on its way to a thread: posted once, named afterwards (known-memory.ts). */
export interface MemoryRef {
  /** -1: not to be kept. */
  readonly id: number;
  /** Absent when the thread has it already. */
  readonly memory?: SharedArrayBuffer;
}

/** A task as it is posted. */
export interface PostedTask extends Omit<KernelTask, 'slab' | 'output'> {
  readonly slab?: MemoryRef;
  readonly output: MemoryRef;
  /** Memory that will not be named again. */
  readonly forget: readonly number[];
}

export interface KernelAnswer extends KernelResult {
  /** How long the thread worked on it. */
  readonly busyMs: number;
  /** CPU time of the thread since the answer before, ms. */
  readonly cpuMs: number;
}

/** `workerData` of a kernel thread. */
export interface KernelThreadData {
  readonly limits: KernelLimits;
}
