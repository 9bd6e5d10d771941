// Entry of a kernel thread: one kernel, one task at a time, in the order in which they are given.

import { workerData } from 'piscina';
import { Kernel } from './kernel.ts';
import type { KernelAnswer, KernelThreadData, MemoryRef, PostedTask } from './kernel-task.ts';

const { limits } = workerData as KernelThreadData; // given by kernel-pool.ts, the only one who starts this file
const kernel = new Kernel(limits);

const held = new Map<number, SharedArrayBuffer>();

export default function run({ deltas, slab, output, forget, ...task }: PostedTask): KernelAnswer {
  const startedMs = performance.now();
  for (const id of forget) held.delete(id);
  const memory = slab === undefined ? {} : { slab: memoryOf(slab) };
  for (const delta of deltas) kernel.applyDelta(delta);
  const result = kernel.run({ ...task, ...memory, output: new Uint8Array(memoryOf(output)), nowMs: Date.now() });
  return { ...result, busyMs: performance.now() - startedMs, cpuMs: cpuMsSinceLast() };
}

let lastCpu = process.threadCpuUsage();

/** Of the whole thread, messages and all: the clock of a thread stands still while it runs, and moves when it waits. */
function cpuMsSinceLast(): number {
  const { user, system } = process.threadCpuUsage(lastCpu);
  lastCpu = process.threadCpuUsage();
  return (user + system) / 1000;
}

function memoryOf({ id, memory }: MemoryRef): SharedArrayBuffer {
  const found = memory ?? held.get(id);
  if (!found) throw new RangeError(`memory ${id} was never posted`);
  if (id >= 0) held.set(id, found);
  return found;
}
