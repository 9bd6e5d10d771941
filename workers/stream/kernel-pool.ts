// Starts kernel threads: a piscina pool of one thread each, so that a partition's slabs stay in order and meet the kernel
// that knows the partition.

import { Piscina } from 'piscina';
import type { KernelLimits } from './kernel/kernel.ts';
import type { KernelAnswer, KernelTask, KernelThreadData, PostedTask } from './kernel/kernel-task.ts';
import { KnownMemory } from './known-memory.ts';

export interface KernelThread {
  run(task: KernelTask): Promise<KernelAnswer>;
  close(): Promise<void>;
}

/** A first task's output: nothing is written. */
const NO_OUTPUT_BYTES = 16;

export interface KernelThreadOptions extends KernelLimits {
  /** Of a usual slab and output. */
  readonly slabBytes: number;
  readonly outputBytes: number;
}

/**
 * Resolves when the thread has loaded its code and answers.
 *
 * `atomics: 'disabled'`: a thread that waits in Atomics.wait answers later than one that waits for its port (14 µs).
 */
export async function startKernelThread(options: KernelThreadOptions): Promise<KernelThread> {
  const { slabBytes, outputBytes, envelopeBytes, recordOutputBytes } = options;
  const data: KernelThreadData = { limits: { envelopeBytes, recordOutputBytes } };
  const known = new KnownMemory(Math.max(slabBytes, outputBytes));
  const pool = new Piscina<PostedTask, KernelAnswer>({
    filename: new URL('./kernel/kernel-thread.ts', import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
    concurrentTasksPerWorker: 1,
    atomics: 'disabled',
    idleTimeout: Number.POSITIVE_INFINITY,
    recordTiming: false,
    workerData: data,
  });
  const run = ({ slab, output, ...task }: KernelTask): Promise<KernelAnswer> => {
    const memory = slab === undefined ? {} : { slab: known.refTo(slab) };
    return pool.run({ ...task, ...memory, output: known.refTo(output), forget: known.takeForgotten() });
  };
  await run({ deltas: [], firstRecord: 0, output: new SharedArrayBuffer(NO_OUTPUT_BYTES), watermark: false });
  return { run, close: () => pool.destroy() };
}
