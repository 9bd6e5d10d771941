import t from 'tap';
import {
  cpuSecondsIn,
  cpuSecondsOf,
  peakBytesOf,
  residentBytesOf,
  statusBytes,
} from '../../bench/load/process-usage.ts';
import { recoveryOf } from '../../bench/suites/burst.ts';

t.test('CPU time is read from behind the name, whatever is in it', async (t) => {
  const stat = '4242 (a) b (c) S 1 4242 4242 0 -1 4194560 2041 0 0 0 150 50 0 0 20 0 11 0 1234 0 0';
  t.equal(cpuSecondsIn(stat), 2);
  t.throws(() => cpuSecondsIn('nothing'), /no CPU times/);
});

t.test('memory is read in bytes', async (t) => {
  const status = 'Name:\tnode\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n';
  t.equal(statusBytes(status, 'VmHWM'), 2_097_152);
  t.equal(statusBytes(status, 'VmRSS'), 1_048_576);
  t.throws(() => statusBytes('Name:\tnode\n', 'VmRSS'), /no VmRSS/);
});

t.test('this process uses something', async (t) => {
  t.ok(cpuSecondsOf(process.pid) > 0);
  t.ok(residentBytesOf(process.pid) > 10_000_000);
  t.ok(peakBytesOf(process.pid) >= residentBytesOf(process.pid) / 2);
});

t.test('a burst is recovered from when latencies are as before for three steps', async (t) => {
  const step = (meanMs: number) => ({ count: 10, meanMs, maxMs: meanMs });
  const before = Array.from({ length: 30 }, () => step(5));
  const burst = Array.from({ length: 10 }, () => step(80));
  const after = [60, 30, 9, 30, 9, 8, 7, ...Array.from({ length: 53 }, () => 5)].map(step);
  t.equal(recoveryOf([...before, ...burst, ...after]), 400);
  const never = Array.from({ length: 60 }, () => step(50));
  t.equal(recoveryOf([...before, ...burst, ...never]), Number.POSITIVE_INFINITY);
});
