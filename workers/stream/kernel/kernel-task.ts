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

export interface KernelAnswer extends KernelResult {
  /** How long the thread worked on it. */
  readonly busyMs: number;
  /** CPU time of the thread for it, ms; less than `busyMs` when other threads had the core meanwhile. */
  readonly cpuMs: number;
}

/** `workerData` of a kernel thread. */
export interface KernelThreadData {
  readonly limits: KernelLimits;
}
