// A kernel thread that runs in virtual time: the real kernel, which answers after as long as the simulation says.

import { Kernel } from '../../../workers/stream/kernel/kernel.ts';
import type { KernelAnswer, KernelTask } from '../../../workers/stream/kernel/kernel-task.ts';
import type { KernelThread } from '../../../workers/stream/kernel-pool.ts';
import type { SimulatedProcess } from '../engine/simulated-process.ts';
import type { Simulator } from '../engine/simulator.ts';

export interface KernelPlace {
  readonly simulator: Simulator;
  readonly process: SimulatedProcess;
  readonly delayMs: () => number;
  /** Told of each run, before its answer is given. */
  readonly onRun: (task: KernelTask, answer: KernelAnswer) => void;
}

const LIMITS = { envelopeBytes: 300, recordOutputBytes: 4096 } as const;

export function kernelInProcess({ simulator, process, delayMs, onRun }: KernelPlace): KernelThread {
  const kernel = new Kernel(LIMITS);
  return {
    run: ({ deltas, output, ...task }) => {
      const { promise, resolve } = Promise.withResolvers<KernelAnswer>();
      simulator.plan(delayMs(), process, 'kernel', () => {
        for (const delta of deltas) kernel.applyDelta(delta);
        const result = kernel.run({ ...task, output: new Uint8Array(output), nowMs: Date.now() });
        const answer = { ...result, busyMs: 0, cpuMs: 0 };
        onRun({ deltas, output, ...task }, answer);
        resolve(answer);
      });
      return promise;
    },
    close: () => Promise.resolve(),
  };
}
