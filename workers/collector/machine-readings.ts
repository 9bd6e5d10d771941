// From what systeminformation reports to samples. Pure: each function takes one reading as the library returns it. Values
// the library does not know on this machine (null, negative, NaN) are left out rather than reported as 0.

import type { Systeminformation } from 'systeminformation';
import { HOST_SERVICE, metric, type Sample } from './sample.ts';

type Labels = Readonly<Record<string, string>>;

/** One metric, or nothing where the machine does not tell. */
function known(name: string, value: number | null | undefined, unit: string, labels: Labels = {}): Sample[] {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? [metric(name, value, unit, labels)] : [];
}

const percent = (part: number, whole: number): number | null => (whole > 0 ? (part / whole) * 100 : null);

export function cpuSamples(load: Systeminformation.CurrentLoadData): Sample[] {
  return [
    ...known('cpu.usage', load.currentLoad, '%', { core: 'all' }),
    ...known('cpu.user', load.currentLoadUser, '%', { core: 'all' }),
    ...known('cpu.system', load.currentLoadSystem, '%', { core: 'all' }),
    ...load.cpus.flatMap((core, index) => known('cpu.usage', core.load, '%', { core: String(index) })),
  ];
}

/** @param averages over 1, 5 and 15 minutes, as os.loadavg() gives them */
export function loadSamples(averages: readonly number[], cores: number): Sample[] {
  const [one, five, fifteen] = averages;
  return [
    ...known('load.average', one, '1', { window: '1m' }),
    ...known('load.average', five, '1', { window: '5m' }),
    ...known('load.average', fifteen, '1', { window: '15m' }),
    ...known('load.per_core', one === undefined || cores === 0 ? null : one / cores, '1', { window: '1m' }),
  ];
}

/** `used` is what could not be given back: total without `available`, which counts the page cache as free. */
export function memorySamples(memory: Systeminformation.MemData): Sample[] {
  const used = memory.total - memory.available;
  return [
    ...known('memory.total', memory.total, 'By'),
    ...known('memory.used', used, 'By'),
    ...known('memory.available', memory.available, 'By'),
    ...known('memory.usage', percent(used, memory.total), '%'),
    ...known('swap.used', memory.swapused, 'By'),
    ...known('swap.usage', percent(memory.swapused, memory.swaptotal), '%'),
  ];
}

export function diskUsageSamples(systems: readonly Systeminformation.FsSizeData[]): Sample[] {
  return systems.flatMap((system) => {
    const labels = { mount: system.mount, device: system.fs, type: system.type };
    return [
      ...known('disk.size', system.size, 'By', labels),
      ...known('disk.used', system.used, 'By', labels),
      ...known('disk.available', system.available, 'By', labels),
      ...known('disk.usage', system.use, '%', labels),
    ];
  });
}

/** null on machines that do not count disk operations, and rates are null in the first reading. */
export function diskIoSamples(io: Systeminformation.DisksIoData | null): Sample[] {
  return [...known('disk.reads', io?.rIO_sec, '1/s'), ...known('disk.writes', io?.wIO_sec, '1/s')];
}

export function networkSamples(interfaces: readonly Systeminformation.NetworkStatsData[]): Sample[] {
  return interfaces.flatMap((stats) => {
    const labels = { interface: stats.iface };
    return [
      ...known('network.received', stats.rx_sec, 'By/s', labels),
      ...known('network.sent', stats.tx_sec, 'By/s', labels),
      ...known('network.errors', stats.rx_errors + stats.tx_errors, '1', labels),
    ];
  });
}

/**
 * @param count how many of the busiest, and how many of the largest, are reported
 * @param ownPid the programs that this process has started to take the reading are left out: they would lead every list
 */
export function processSamples(processes: Systeminformation.ProcessesData, count: number, ownPid: number): Sample[] {
  const parents = new Map(processes.list.map(({ pid, parentPid }) => [pid, parentPid]));
  const others = processes.list.filter(({ parentPid }) => parentPid !== ownPid && parents.get(parentPid) !== ownPid);
  const byCpu = [...others].sort((a, b) => b.cpu - a.cpu).slice(0, count);
  const byMemory = [...others].sort((a, b) => b.memRss - a.memRss).slice(0, count);
  return [
    ...known('process.count', processes.all, '1'),
    ...byCpu.map((one) => metric('process.cpu', one.cpu, '%', processLabels(one), one.name || HOST_SERVICE)),
    // memRss comes in KiB
    ...byMemory.map((one) =>
      metric('process.memory', one.memRss * 1024, 'By', processLabels(one), one.name || HOST_SERVICE),
    ),
  ];
}

const processLabels = (one: Systeminformation.ProcessesProcessData): Labels => ({
  pid: String(one.pid),
  user: one.user,
});
