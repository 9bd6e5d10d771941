// make simulate SEEDS=1000 SEED=1: runs that many seeds from that one on, in one process for each core. Of what fails it
// prints the seed, why, and the end of the trace; TRACE=all prints the whole trace of each seed, frames too. With
// WITHOUT='edge crash,lane loss' those kinds of fault do not strike (so a seed is another story then).

import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { RunResult } from './run-seed.ts';
import type { SeedTask } from './seeds-process.ts';

const MAX_FAILURES = Number(process.env.MAX_FAILURES ?? 5);
const PROGRESS_MS = 5000;
const MS_PER_MINUTE = 60_000;

const first = Number(process.argv[2] ?? Math.floor(Math.random() * 2 ** 31));
const count = Number(process.argv[3] ?? 1);
const showsAll = process.env.TRACE === 'all';
const without = (process.env.WITHOUT ?? '').split(',').filter((name) => name !== '');
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count)) throw new Error('usage: simulate.ts SEED SEEDS');

const startedMs = performance.now();
const results: RunResult[] = [];
let failed = 0;
const cores = Math.min(availableParallelism(), count);
const runners = Array.from({ length: cores }, (_, core) => startRunner(core));
const progress = setInterval(() => console.log(summary()), PROGRESS_MS);
const codes = await Promise.all(runners.map(ended));
clearInterval(progress);
console.log(summary());
const isComplete = codes.every((code) => code === 0) && results.length === count;
if (!isComplete && failed < MAX_FAILURES)
  console.log(`A process ended early: ${results.length} of ${count} seeds ran.`);
process.exitCode = isComplete && failed === 0 ? 0 : 1;

/** Every so many-th seed, so that all cores are done at about the same time. */
function startRunner(core: number): ChildProcess {
  const runner = fork(new URL('./seeds-process.ts', import.meta.url));
  runner.on('message', (result: RunResult) => take(result));
  const tasks: SeedTask[] = [];
  for (let at = core; at < count; at += cores) tasks.push({ seed: first + at, showsAll, without });
  runner.send(tasks);
  return runner;
}

function ended(runner: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => runner.once('exit', (code) => resolve(code)));
}

function take(result: RunResult): void {
  if (failed >= MAX_FAILURES) return;
  results.push({ ...result, lastLines: [] });
  if (result.failure !== null) report(result);
  else if (showsAll) console.log(result.lastLines.join('\n'));
  if (failed >= MAX_FAILURES) for (const runner of runners) runner.kill();
}

function report({ seed, failure, lastLines }: RunResult): void {
  failed += 1;
  console.log(
    `\nSEED ${seed} FAILED: ${failure}\n${lastLines.join('\n')}\n  again: make simulate SEED=${seed} SEEDS=1\n`,
  );
}

function summary(): string {
  const sum = (of: (result: RunResult) => number): number => results.reduce((total, result) => total + of(result), 0);
  const tookMs = performance.now() - startedMs;
  return [
    `${results.length} seeds in ${(tookMs / 1000).toFixed(1)} s on ${cores} cores`,
    `${Math.round((results.length / tookMs) * MS_PER_MINUTE)} a minute`,
    `${sum(({ steps }) => steps)} steps`,
    `${sum(({ faults }) => faults)} faults`,
    `${sum(({ events }) => events)} events`,
    `${sum(({ given }) => given)} given`,
    `${sum(({ gaps }) => gaps)} gaps told`,
    `${Math.round(sum(({ virtualMs }) => virtualMs) / 1000)} s of virtual time`,
    `${failed} failed`,
  ].join(', ');
}
