// Entry of a kernel thread: one kernel, one task at a time, in the order in which they are given.

import { workerData } from 'piscina';
import { Kernel } from './kernel.ts';
import type { KernelAnswer, KernelTask, KernelThreadData } from './kernel-task.ts';

const { limits } = workerData as KernelThreadData; // given by kernel-pool.ts, the only one who starts this file
const kernel = new Kernel(limits);

export default function run({ deltas, output, ...task }: KernelTask): KernelAnswer {
  const startedMs = performance.now();
  const cpu = process.threadCpuUsage();
  for (const delta of deltas) kernel.applyDelta(delta);
  const result = kernel.run({ ...task, output: new Uint8Array(output), nowMs: Date.now() });
  const { user, system } = process.threadCpuUsage(cpu);
  return { ...result, busyMs: performance.now() - startedMs, cpuMs: (user + system) / 1000 };
}
