// make fuzz SECONDS=60: inputs with fresh seeds for that long, for the kernel and every other reader of foreign bytes.
// What fails is made small and kept in corpus/, where corpus.test.ts tries it again at every change.

import { seededTape } from '../workers/stream/kernel/tape.ts';
import { keep, readCorpus, TARGETS } from './corpus.ts';
import { type Attempt, attempt, attemptInput, type Failure, type FuzzTarget, Tally } from './target.ts';

const MINIMISE_MS = 20_000;
const PROGRESS_MS = 2000;
const MAX_FAILURES = 10;
const MAX_SHOWN_CHARS = 2000;
/** Targets are given time, not turns: a kernel history takes as long as a thousand tokens. Half goes to the kernel. */
const SHARES: Readonly<Record<string, number>> = { kernel: 3, damage: 3 };

const seconds = Number(process.argv[2] ?? 60);
const names = process.argv.slice(3);
if (!(seconds > 0)) throw new Error('usage: node test/fuzz/fuzz.ts SECONDS [TARGET…]');
const targets = TARGETS.filter(({ name }) => names.length === 0 || names.includes(name));
const tallies = new Map(targets.map(({ name }) => [name, new Tally()]));
const spentMs = new Map(targets.map(({ name }) => [name, 0]));
/** One of each kind is worth keeping: the same fault shows in many inputs. */
const failures = new Set<string>();

const corpus = readCorpus().filter(({ target }) => targets.includes(target));
console.log(
  `fuzzing ${targets.map(({ name }) => name).join(', ')} for ${seconds} s, after the corpus of ${corpus.length}`,
);
const sound = corpus.filter(({ target, input, file }) => {
  const { outcome, failure } = attemptInput(target, input);
  if (outcome) tallies.get(target.name)?.add(outcome);
  if (failure && isNew(failure)) report(failure, `test/fuzz/corpus/${file}`);
  return failure === null;
});

const started = performance.now();
let nextProgress = started + PROGRESS_MS;
while (performance.now() - started < seconds * 1000 && failures.size < MAX_FAILURES) {
  const target = leastServed();
  const before = performance.now();
  const { outcome, failure } = nextAttempt(target, Math.floor(Math.random() * 2 ** 32));
  if (outcome) tallies.get(target.name)?.add(outcome);
  if (failure && isNew(failure)) report(failure, keep(failure.target, failure.message.slice(0, 300), failure.input));
  spentMs.set(target.name, (spentMs.get(target.name) ?? 0) + performance.now() - before);
  if (performance.now() < nextProgress) continue;
  nextProgress = performance.now() + PROGRESS_MS;
  progress();
}
for (const [name, tally] of tallies) console.log(`${name.padEnd(9)} ${tally}`);
console.log(failures.size === 0 ? 'nothing failed' : `${failures.size} kinds of input failed`);
process.exitCode = failures.size === 0 ? 0 : 1;

function leastServed(): FuzzTarget {
  const served = ({ name }: FuzzTarget): number => (spentMs.get(name) ?? 0) / (SHARES[name] ?? 1);
  return targets.reduce((least, target) => (served(target) < served(least) ? target : least));
}

/** Mostly inputs of its own, now and then a kept one, changed. */
function nextAttempt(target: FuzzTarget, seed: number): Attempt {
  const kept = sound.filter((one) => one.target === target);
  if (seed % 4 !== 0 || kept.length === 0) return attempt(target, seed, MINIMISE_MS);
  const { choose } = seededTape(seed);
  return attemptInput(target, target.mutate(kept[choose(kept.length)]?.input, choose));
}

/** Numbers and ids aside, has nothing failed like this yet? */
function isNew({ target, message }: Failure): boolean {
  const kind = `${target} ${message.replace(/[0-9a-f]{8,}|\d+/g, '')}`;
  if (failures.has(kind)) return false;
  failures.add(kind);
  return true;
}

function report({ target, message }: Failure, file: string): void {
  console.log(`\nFAILED ${target}: ${message.slice(0, MAX_SHOWN_CHARS)}\n  kept in ${file}`);
  console.log('  run it again: node test/fuzz/corpus.test.ts\n');
}

function progress(): void {
  const elapsed = Math.round((performance.now() - started) / 1000);
  const all = [...tallies.values()];
  const cases = all.reduce((sum, tally) => sum + tally.cases, 0);
  const rejects = all.flatMap((tally) => [...tally.rejects.values()]).reduce((sum, count) => sum + count, 0);
  const parts = [...tallies].map(([name, tally]) => `${name} ${tally.cases}`).join('  ');
  console.log(
    `${elapsed} s  ${parts}  (${Math.round(cases / elapsed)} cases/s, ${rejects} rejects, ${failures.size} failed)`,
  );
}
