// make simulate SEEDS=1000 SEED=1: runs that many seeds from that one on, one after the other. Of what fails it prints the
// seed, why, and the end of the trace; TRACE=all prints the whole trace of a single seed, frames too. With
// WITHOUT='edge crash,lane loss' those kinds of fault do not strike (so a seed is another story then).

import { type RunResult, runSeed } from './run-seed.ts';

const MAX_FAILURES = Number(process.env.MAX_FAILURES ?? 5);
const PROGRESS_MS = 5000;

const first = Number(process.argv[2] ?? Math.floor(Math.random() * 2 ** 31));
const count = Number(process.argv[3] ?? 1);
const showsAll = process.env.TRACE === 'all';
const without = (process.env.WITHOUT ?? '').split(',').filter((name) => name !== '');
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count)) throw new Error('usage: simulate.ts SEED SEEDS');

const results: RunResult[] = [];
let failed = 0;

setImmediate(() => {
  const startedMs = performance.now();
  let nextProgressMs = startedMs + PROGRESS_MS;
  for (let seed = first; seed < first + count && failed < MAX_FAILURES; seed++) {
    const result = runSeed(seed, { showsAll, without });
    results.push({ ...result, lastLines: [] });
    if (result.failure !== null) report(result);
    else if (showsAll) console.log(result.lastLines.join('\n'));
    if (performance.now() < nextProgressMs) continue;
    nextProgressMs = performance.now() + PROGRESS_MS;
    console.log(summary(performance.now() - startedMs));
  }
  console.log(summary(performance.now() - startedMs));
  process.exit(failed === 0 ? 0 : 1);
});

function report({ seed, failure, lastLines }: RunResult): void {
  failed += 1;
  console.log(
    `\nSEED ${seed} FAILED: ${failure}\n${lastLines.join('\n')}\n  again: make simulate SEED=${seed} SEEDS=1\n`,
  );
}

function summary(tookMs: number): string {
  const sum = (of: (result: RunResult) => number): number => results.reduce((total, result) => total + of(result), 0);
  const { user, system } = process.cpuUsage();
  const perMinute = Math.round((results.length / (user + system)) * 60_000_000);
  return [
    `${results.length} seeds in ${(tookMs / 1000).toFixed(1)} s (${perMinute} seeds in a minute of processor time)`,
    `${sum(({ steps }) => steps)} steps`,
    `${sum(({ faults }) => faults)} faults`,
    `${sum(({ events }) => events)} events`,
    `${sum(({ given }) => given)} given`,
    `${sum(({ gaps }) => gaps)} gaps told`,
    `${Math.round(sum(({ virtualMs }) => virtualMs) / 1000)} s of virtual time`,
    `${failed} failed`,
  ].join(', ');
}
