// Compiles the project's plans (schemas/plan) for the kernel.

import type { AvroRecord } from '../../../schemas/avro/model.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { compileFilter, compileProjection } from '../../../schemas/plan/evaluate.ts';
import type { Plan } from '../../../schemas/plan/plan.ts';
import type { CompiledPlan, PlanCompiler } from './plan-compiler.ts';

export const schemaPlanCompiler: PlanCompiler = {
  compile(given: unknown, writerEventSchema: AvroRecord): CompiledPlan {
    const plan = planOf(given);
    if (plan.format !== 'json') throw new MdsError('MDS_PLAN_CORRUPT', { reason: `format ${plan.format} is not known` });
    const project = compileProjection(plan, writerEventSchema);
    return {
      matches: compileFilter(plan, writerEventSchema),
      project: (event) => Buffer.from(project(event), 'utf8'),
      projectionKey: projectionKeyOf(plan),
    };
  },
};

/** Inputs stand for aliases and defaults of projected fields, so they belong to the projection unless it is whole events. */
const projectionKeyOf = ({ fields, format, inputs }: Plan): string =>
  JSON.stringify(fields === null ? { format } : { format, fields, inputs: inputsOf(fields, inputs) });

function inputsOf(fields: readonly string[], inputs: Plan['inputs']): Plan['inputs'] {
  const projected = new Set(fields.map((path) => path.split('.')[0]));
  return inputs.filter(({ name }) => projected.has(name));
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
