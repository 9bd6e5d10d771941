import type { Systeminformation } from 'systeminformation';
import t from 'tap';
import {
  cpuSamples,
  diskIoSamples,
  diskUsageSamples,
  loadSamples,
  memorySamples,
  networkSamples,
  processSamples,
} from '../../../workers/collector/machine-readings.ts';
import type { Sample } from '../../../workers/collector/sample.ts';

/** Only what the functions read; the library's types have some dozen members more. */
const reading = <T>(members: object): T => members as T;

const valuesOf = (samples: readonly Sample[]): Record<string, number | null> =>
  Object.fromEntries(samples.map(({ name, labels, value }) => [[name, ...Object.values(labels)].join(' '), value]));

t.test('CPU load is reported for the machine and for each core', async (t) => {
  const load = { currentLoad: 30, currentLoadUser: 20, currentLoadSystem: 10, cpus: [{ load: 40 }, { load: 20 }] };
  t.same(valuesOf(cpuSamples(reading<Systeminformation.CurrentLoadData>(load))), {
    'cpu.usage all': 30,
    'cpu.user all': 20,
    'cpu.system all': 10,
    'cpu.usage 0': 40,
    'cpu.usage 1': 20,
  });
});

t.test('the load average is also given per core', async (t) => {
  t.same(valuesOf(loadSamples([4, 2, 1], 2)), {
    'load.average 1m': 4,
    'load.average 5m': 2,
    'load.average 15m': 1,
    'load.per_core 1m': 2,
  });
  t.same(loadSamples([], 0), []);
});

t.test('used memory does not count what the page cache could give back', async (t) => {
  const memory = { total: 1000, available: 600, swapused: 50, swaptotal: 200 };
  t.same(valuesOf(memorySamples(reading<Systeminformation.MemData>(memory))), {
    'memory.total': 1000,
    'memory.used': 400,
    'memory.available': 600,
    'memory.usage': 40,
    'swap.used': 50,
    'swap.usage': 25,
  });
});

t.test('a machine without swap has no usage of it', async (t) => {
  const memory = { total: 1000, available: 600, swapused: 0, swaptotal: 0 };
  t.notOk('swap.usage' in valuesOf(memorySamples(reading<Systeminformation.MemData>(memory))));
});

t.test('each file system is reported with its mount', async (t) => {
  const systems = [{ fs: '/dev/a', type: 'ext4', mount: '/', size: 100, used: 25, available: 70, use: 26.3 }];
  const samples = diskUsageSamples(systems.map((system) => reading<Systeminformation.FsSizeData>(system)));
  t.same(valuesOf(samples), {
    'disk.size / /dev/a ext4': 100,
    'disk.used / /dev/a ext4': 25,
    'disk.available / /dev/a ext4': 70,
    'disk.usage / /dev/a ext4': 26.3,
  });
});

t.test('what the machine does not count is left out', async (t) => {
  t.same(diskIoSamples(null), []);
  t.same(diskIoSamples(reading<Systeminformation.DisksIoData>({ rIO_sec: null, wIO_sec: -1 })), []);
  const known = reading<Systeminformation.DisksIoData>({ rIO_sec: 3, wIO_sec: 4 });
  t.same(valuesOf(diskIoSamples(known)), { 'disk.reads': 3, 'disk.writes': 4 });
});

t.test('network traffic is reported per interface, without rates in the first reading', async (t) => {
  const first = { iface: 'eth0', rx_sec: null, tx_sec: null, rx_errors: 1, tx_errors: 2 };
  t.same(valuesOf(networkSamples([reading<Systeminformation.NetworkStatsData>(first)])), { 'network.errors eth0': 3 });
  const later = { ...first, rx_sec: 10, tx_sec: 20 };
  t.same(valuesOf(networkSamples([reading<Systeminformation.NetworkStatsData>(later)])), {
    'network.received eth0': 10,
    'network.sent eth0': 20,
    'network.errors eth0': 3,
  });
});

const aProcess = (pid: number, name: string, cpu: number, memRss: number, parentPid = 1): object => ({
  pid,
  parentPid,
  name,
  cpu,
  memRss,
  user: 'root',
});

t.test('the busiest and the largest processes are reported', async (t) => {
  const list = [aProcess(10, 'busy', 90, 1), aProcess(11, 'large', 1, 900), aProcess(12, 'small', 0, 0)];
  const samples = processSamples(reading<Systeminformation.ProcessesData>({ all: 3, list }), 1, 999);
  t.same(
    samples.map(({ name, service, value, labels }) => [name, service, value, labels.pid]),
    [
      ['process.count', 'host', 3, undefined],
      ['process.cpu', 'busy', 90, '10'],
      ['process.memory', 'large', 900 * 1024, '11'],
    ],
  );
});

t.test('programs that the collector itself started to take a reading are left out', async (t) => {
  const list = [aProcess(500, 'sh', 50, 1, 999), aProcess(501, 'ps', 100, 1, 500), aProcess(10, '', 5, 1)];
  const samples = processSamples(reading<Systeminformation.ProcessesData>({ all: 3, list }), 5, 999);
  t.same(
    samples.filter(({ name }) => name === 'process.cpu').map(({ service }) => service),
    ['host'],
    'a process without a name is counted under the host',
  );
});
