// The kernel as a fuzz target: whole histories, and damaged records.

import type { Choose } from '../schemas/plan/pools.ts';
import { pick } from '../schemas/plan/pools.ts';
import { checkCase } from '../workers/stream/kernel/check-case.ts';
import { damageCase, damagedBody, MAX_DAMAGE_STEP_MS } from '../workers/stream/kernel/damage-case.ts';
import { deepCase } from '../workers/stream/kernel/deep-case.ts';
import type { CaseStep, KernelCase } from '../workers/stream/kernel/kernel-case.ts';
import type { FuzzTarget } from './target.ts';

export const histories: FuzzTarget = {
  name: 'kernel',
  draw: deepCase,
  mutate: damageOneRecord,
  smaller: smallerCases,
  check: (input) => {
    const { filters, matches, rejects } = checkCase(input as KernelCase); // drawn above, or read from the corpus
    return { cases: filters, matches, rejects };
  },
};

export const damage: FuzzTarget = {
  name: 'damage',
  draw: damageCase,
  mutate: damageOneRecord,
  smaller: smallerCases,
  check: (input) => {
    const given = input as KernelCase; // drawn above, or read from the corpus
    const { matches, rejects } = checkCase(given, MAX_DAMAGE_STEP_MS);
    return { cases: given.steps.reduce((sum, { records }) => sum + records.length, 0), matches, rejects };
  },
};

const HEADER_HEX_CHARS = 10;

function damageOneRecord(input: unknown, choose: Choose): unknown {
  const given = input as KernelCase; // read from the corpus
  const steps = given.steps.filter(({ records }) => records.length > 0);
  if (steps.length === 0) return given;
  const step = pick(choose, steps);
  const at = choose(step.records.length);
  const records = step.records.map((record, i) => {
    if (i !== at || record.value === null) return record;
    const body = damagedBody(Buffer.from(record.value.slice(HEADER_HEX_CHARS), 'hex'), choose);
    return { ...record, value: record.value.slice(0, HEADER_HEX_CHARS) + body.toString('hex') };
  });
  return { ...given, steps: given.steps.map((one) => (one === step ? { ...step, records } : one)) };
}

function* smallerCases(input: unknown): Iterable<KernelCase> {
  const given = input as KernelCase; // drawn above
  for (const steps of withoutOne(given.steps)) yield { ...given, steps };
  for (const [at, step] of given.steps.entries()) {
    for (const smaller of smallerSteps(step)) yield { ...given, steps: given.steps.with(at, smaller) };
  }
  // The last plan may go when no step names it; others keep their places.
  const plans = given.plans.slice(0, -1);
  const isNamed = given.steps.some(({ changes }) => changes.some((one) => 'plan' in one && one.plan === plans.length));
  if (given.plans.length > 0 && !isNamed) yield { ...given, plans };
  for (const writers of withoutOne(given.writers)) yield { ...given, writers };
}

function* smallerSteps(step: CaseStep): Iterable<CaseStep> {
  for (const records of withoutOne(step.records)) yield { ...step, records };
  for (const changes of withoutOne(step.changes)) yield { ...step, changes };
  if (step.watermark) yield { ...step, watermark: false };
  if (step.outputBytes < ROOMY_BYTES) yield { ...step, outputBytes: ROOMY_BYTES };
}

/** Where the size of the output plays no part, it should be seen to play none. */
const ROOMY_BYTES = 1_000_000;

function* withoutOne<Item>(items: readonly Item[]): Iterable<readonly Item[]> {
  for (let at = 0; at < items.length; at++) yield items.toSpliced(at, 1);
}
