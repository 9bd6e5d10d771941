// Starts kernel threads: a piscina pool of one thread each, so that a partition's slabs stay in order and meet the kernel
// that knows the partition.

import { Piscina } from 'piscina';
import type { KernelLimits } from './kernel/kernel.ts';
import type { KernelAnswer, KernelTask, KernelThreadData } from './kernel/kernel-task.ts';

export interface KernelThread {
  run(task: KernelTask): Promise<KernelAnswer>;
  close(): Promise<void>;
}

/** `atomics: 'disabled'`: a thread that waits in Atomics.wait answers later than one that waits for its port (14 µs). */
export function startKernelThread(limits: KernelLimits): KernelThread {
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
  return { run: (task) => pool.run(task), close: () => pool.destroy() };
}
