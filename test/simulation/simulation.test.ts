// The service in one process, in virtual time: real edges, workers, leader and client library over a simulated Kafka,
// Redis, Postgres and network that lose, double, swap, delay and break, with processes that die, stand still and come back.
// How to read a trace, and what is looked at in each step: docs/testing.md.

import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import t from 'tap';
import type { RunResult } from './run-seed.ts';
import type { SeedTask } from './seeds-process.ts';

interface KeptSeed extends SeedTask {
  readonly story: string;
}

/** 10 s of one core; with a twelfth of the random cases, as `make test-unit` has it, 20 seeds in 2 s. */
const SEEDS = Math.min(140, Math.ceil(Number(process.env.MDS_PROPERTY_CASES ?? Number.POSITIVE_INFINITY) / 50));
const FIRST_SEED = 100_000;
const TIMEOUT_MS = 120_000;

t.setTimeout(TIMEOUT_MS);

const kept = JSON.parse(readFileSync(new URL('./seeds.json', import.meta.url), 'utf8')) as readonly KeptSeed[];
const fresh = Array.from({ length: SEEDS }, (_, i) => ({ seed: FIRST_SEED + i }));
/** All in one process: what it has compiled for the first is there for the others. */
const all = resultsOf([...kept, ...fresh, { seed: FIRST_SEED }]);

t.test('every seed that failed once holds', async (t) => {
  const results = (await all).slice(0, kept.length);
  t.equal(results.length, kept.length);
  for (const [i, result] of results.entries()) {
    if (result.failure !== null) t.fail(`${kept[i]?.story}\n${complaintOf(result)}`);
    else t.pass(`${result.seed}: ${kept[i]?.story}`);
  }
});

t.test('whatever fails, order holds, nobody has a silent hole or a duplicate, and all comes right', async (t) => {
  const results = (await all).slice(kept.length, kept.length + SEEDS);
  for (const result of results) if (result.failure !== null) t.fail(complaintOf(result));
  const sum = (of: (result: RunResult) => number): number => results.reduce((total, one) => total + of(one), 0);
  t.equal(results.length, SEEDS);
  t.ok(
    sum(({ given }) => given) > SEEDS,
    `${sum(({ steps }) => steps)} steps, ${sum(({ faults }) => faults)} faults, ${sum(({ given }) => given)} handed over`,
  );
});

t.test('the same seed is the same run, step by step', async (t) => {
  const results = await all;
  const [first, other, again] = [results[kept.length], results[kept.length + 1], results.at(-1)];
  t.equal(first?.seed, again?.seed);
  t.equal(first?.traceHash, again?.traceHash);
  t.equal(first?.steps, again?.steps);
  t.not(first?.traceHash, other?.traceHash);
});

function complaintOf({ seed, failure, lastLines }: RunResult): string {
  return `seed ${seed}: ${failure}\n${lastLines.join('\n')}\nagain: make simulate SEED=${seed} SEEDS=1`;
}

/** @throws {Error} the process ended before it had run all */
function resultsOf(tasks: readonly SeedTask[]): Promise<RunResult[]> {
  const { promise, resolve, reject } = Promise.withResolvers<RunResult[]>();
  const results: RunResult[] = [];
  const runner = fork(new URL('./seeds-process.ts', import.meta.url));
  runner.on('message', (result: RunResult) => results.push(result));
  runner.on('exit', (code, signal) => {
    if (results.length === tasks.length) resolve(results);
    else reject(new Error(`ended with ${code ?? signal} after ${results.length} of ${tasks.length} seeds`));
  });
  runner.send(tasks);
  return promise;
}
