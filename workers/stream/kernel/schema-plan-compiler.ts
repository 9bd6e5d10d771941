// Compiles the project's plans (schemas/plan) for the kernel.

import type { AvroRecord } from '../../../schemas/avro/avro-type.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { compileFilter, compileProjection } from '../../../schemas/plan/evaluate.ts';
import type { Plan } from '../../../schemas/plan/plan.ts';
import type { CompiledPlan, PlanCompiler } from './plan-compiler.ts';

export const schemaPlanCompiler: PlanCompiler = {
  compile(given: unknown, writerEventSchema: AvroRecord): CompiledPlan {
    const plan = planOf(given);
    if (plan.format !== 'json')
      throw new MdsError('MDS_PLAN_CORRUPT', { reason: `format ${plan.format} is not known` });
    const project = compileProjection(plan, writerEventSchema);
    return {
      matches: compileFilter(plan, writerEventSchema),
      project: (event) => Buffer.from(project(event), 'utf8'),
      projectionKey: projectionKeyOf(plan),
    };
  },
};

/** All that `compileProjection` reads of a plan. */
function projectionKeyOf({ fields, format, inputs }: Plan): string {
  const aliased = inputs.flatMap(({ name, aliases = [] }) => (aliases.length > 0 ? [[name, aliases]] : []));
  return JSON.stringify({ format, fields, aliased });
}

/** The parts that are used before `compileFilter` reads, and refuses, the rest. */
function planOf(given: unknown): Plan {
  const looksRight =
    typeof given === 'object' &&
    given !== null &&
    'inputs' in given &&
    Array.isArray(given.inputs) &&
    'fields' in given &&
    (given.fields === null || Array.isArray(given.fields));
  if (!looksRight) throw new MdsError('MDS_PLAN_CORRUPT', { reason: 'it has no inputs or fields' });
  return given as unknown as Plan; // checked above and by compileFilter
}
