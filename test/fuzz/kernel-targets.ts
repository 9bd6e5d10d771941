// The kernel as a fuzz target: whole histories, and damaged records.

import type { Choose } from '../schemas/plan/pools.ts';
import { pick } from '../schemas/plan/pools.ts';
import { checkCase } from '../workers/stream/kernel/check-case.ts';
import { damageCase, damagedBody, MAX_DAMAGE_STEP_MS } from '../workers/stream/kernel/damage-case.ts';
import { deepCase } from '../workers/stream/kernel/deep-case.ts';
import type { KernelCase } from '../workers/stream/kernel/kernel-case.ts';
import { IS_BYTE_KERNEL } from '../workers/stream/kernel/kernel-driver.ts';
import type { FuzzTarget } from './target.ts';

const OPTIONS = { avro: IS_BYTE_KERNEL, proto: IS_BYTE_KERNEL };

export const histories: FuzzTarget = {
  name: 'kernel',
  draw: (choose) => deepCase(choose, OPTIONS),
  mutate: damageOneRecord,
  check: (input) => {
    const { filters, matches, rejects } = checkCase(input as KernelCase); // drawn above, or read from the corpus
    return { cases: filters, matches, rejects };
  },
};

export const damage: FuzzTarget = {
  name: 'damage',
  draw: (choose) => damageCase(choose, OPTIONS),
  mutate: damageOneRecord,
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
