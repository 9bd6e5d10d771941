// The sources that read this machine through systeminformation, each at the pace its cost allows. Measured on two cores:
// currentLoad, mem and networkStats < 1 ms of CPU, fsSize 3 ms, processes 17 ms and disksIO 3 ms (each starts a program).

import { availableParallelism, loadavg } from 'node:os';
import si from 'systeminformation';
import {
  cpuSamples,
  diskIoSamples,
  diskUsageSamples,
  loadSamples,
  memorySamples,
  networkSamples,
  processSamples,
} from './machine-readings.ts';
import type { Source } from './sampler.ts';

interface MachineSourcesOptions {
  /** How many of the busiest and of the largest processes are reported. */
  readonly topProcesses: number;
  /** Every how many rounds disks and processes are read. */
  readonly slowRounds: number;
}

export function machineSources({ topProcesses, slowRounds }: MachineSourcesOptions): readonly Source[] {
  return [
    { name: 'cpu', everyRounds: 1, read: async () => cpuSamples(await si.currentLoad()) },
    { name: 'load', everyRounds: 1, read: async () => loadSamples(loadavg(), availableParallelism()) },
    { name: 'memory', everyRounds: 1, read: async () => memorySamples(await si.mem()) },
    { name: 'network', everyRounds: 1, read: async () => networkSamples(await si.networkStats('*')) },
    { name: 'disk-usage', everyRounds: slowRounds, read: async () => diskUsageSamples(await si.fsSize()) },
    { name: 'disk-io', everyRounds: slowRounds, read: async () => diskIoSamples(await si.disksIO()) },
    {
      name: 'processes',
      everyRounds: slowRounds,
      read: async () => processSamples(await si.processes(), topProcesses, process.pid),
    },
  ];
}
