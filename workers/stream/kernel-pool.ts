// Starts kernel threads: a piscina pool of one thread each, so that a partition's slabs stay in order and meet the kernel
// that knows the partition.

import { Piscina } from 'piscina';
import type { KernelLimits } from './kernel/kernel.ts';
import type { KernelAnswer, KernelTask, KernelThreadData } from './kernel/kernel-task.ts';

export interface KernelThread {
  run(task: KernelTask): Promise<KernelAnswer>;
  close(): Promise<void>;
}

/** A first task's output: nothing is written. */
const NO_OUTPUT_BYTES = 16;

/**
 * Resolves when the thread has loaded its code and answers.
 *
 * `atomics: 'disabled'`: a thread that waits in Atomics.wait answers later than one that waits for its port (14 µs).
 */
export async function startKernelThread(limits: KernelLimits): Promise<KernelThread> {
  const data: KernelThreadData = { limits };
  const pool = new Piscina<KernelTask, KernelAnswer>({
    filename: new URL('./kernel/kernel-thread.ts', import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
    concurrentTasksPerWorker: 1,
    atomics: 'disabled',
    idleTimeout: Number.POSITIVE_INFINITY,
    recordTiming: false,
    workerData: data,
  });
  const output = new SharedArrayBuffer(NO_OUTPUT_BYTES);
  await pool.run({ deltas: [], firstRecord: 0, output, watermark: false });
  return { run: (task) => pool.run(task), close: () => pool.destroy() };
}
