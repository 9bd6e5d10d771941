// make fuzz SECONDS=60: inputs with fresh seeds for that long, for the kernel and every other reader of foreign bytes.
// What fails is made small and kept in corpus/, where corpus.test.ts tries it again at every change.

import { seededTape } from '../workers/stream/kernel/tape.ts';
import { keep, readCorpus, TARGETS } from './corpus.ts';
import { type Attempt, attempt, attemptInput, type FuzzTarget, Tally } from './target.ts';

const MINIMISE_MS = 20_000;
const PROGRESS_MS = 2000;
const MAX_FAILURES = 10;
/** Targets are given time, not turns: a kernel history takes as long as a thousand tokens. Half goes to the kernel. */
const SHARES: Readonly<Record<string, number>> = { kernel: 3, damage: 3 };

const seconds = Number(process.argv[2] ?? 60);
const names = process.argv.slice(3);
if (!(seconds > 0)) throw new Error('usage: node test/fuzz/fuzz.ts SECONDS [TARGET…]');
const targets = TARGETS.filter(({ name }) => names.length === 0 || names.includes(name));

const corpus = readCorpus();
const tallies = new Map(targets.map(({ name }) => [name, new Tally()]));
const spentMs = new Map(targets.map(({ name }) => [name, 0]));
const started = performance.now();
let [failures, nextProgress] = [0, started + PROGRESS_MS];

for (const { target, input } of corpus.filter(({ target }) => targets.includes(target)))
  settle(target, attemptInput(target, input));
console.log(
  `fuzzing ${targets.map(({ name }) => name).join(', ')} for ${seconds} s; the corpus of ${corpus.length} is tried`,
);
while (performance.now() - started < seconds * 1000 && failures < MAX_FAILURES) {
  const target = leastServed();
  const before = performance.now();
  settle(target, nextAttempt(target, Math.floor(Math.random() * 2 ** 32)));
  spentMs.set(target.name, (spentMs.get(target.name) ?? 0) + performance.now() - before);
  if (performance.now() < nextProgress) continue;
  nextProgress = performance.now() + PROGRESS_MS;
  progress();
}
for (const [name, tally] of tallies) console.log(`${name.padEnd(9)} ${tally}`);
console.log(failures === 0 ? 'nothing failed' : `${failures} inputs failed; they are in test/fuzz/corpus`);
process.exitCode = failures === 0 ? 0 : 1;

function leastServed(): FuzzTarget {
  const served = ({ name }: FuzzTarget): number => (spentMs.get(name) ?? 0) / (SHARES[name] ?? 1);
  return targets.reduce((least, target) => (served(target) < served(least) ? target : least));
}

/** Mostly inputs of its own, now and then a kept one, changed. */
function nextAttempt(target: FuzzTarget, seed: number): Attempt {
  const kept = corpus.filter((one) => one.target === target);
  if (seed % 4 !== 0 || kept.length === 0) return attempt(target, seed, MINIMISE_MS);
  const { choose } = seededTape(seed);
  const given = kept[choose(kept.length)];
  return attemptInput(target, target.mutate(given?.input, choose));
}

function settle(target: FuzzTarget, { outcome, failure }: Attempt): void {
  if (outcome) tallies.get(target.name)?.add(outcome);
  if (!failure) return;
  failures++;
  const file = keep(failure.target, failure.message.slice(0, 300), failure.input);
  console.log(`\nFAILED ${failure.target}: ${failure.message.slice(0, 2000)}\n  kept in ${file}`);
  console.log('  run it again: node test/fuzz/corpus.test.ts\n');
}

function progress(): void {
  const elapsed = Math.round((performance.now() - started) / 1000);
  const parts = [...tallies].map(([name, { cases }]) => `${name} ${cases}`);
  const all = [...tallies.values()].reduce((sum, { cases }) => sum + cases, 0);
  const rejects = [...tallies.values()].reduce(
    (sum, tally) => sum + [...tally.rejects.values()].reduce((a, b) => a + b, 0),
    0,
  );
  console.log(
    `${elapsed} s  ${parts.join('  ')}  (${Math.round(all / elapsed)} cases/s, ${rejects} rejects, ${failures} failed)`,
  );
}
