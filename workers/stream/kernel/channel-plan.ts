// The plan of a channel as the kernel uses it, read from what came from an edge.

import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import { type Plan, readPlan } from '../../../schemas/plan/plan.ts';
import type { ParsedFilter } from './match/predicate-compiler.ts';
import type { JsonProjection } from './transcode/json-transcoder.ts';

export interface ChannelPlan {
  /** Null: every event. */
  readonly filter: ParsedFilter | null;
  readonly format: Plan['format'];
  readonly projection: JsonProjection;
  /** Equal for plans that transcode an event to the same bytes. */
  readonly projectionKey: string;
}

/** @throws MdsError `MDS_PLAN_CORRUPT` when it was not made by makePlan */
export function readChannelPlan(given: unknown): ChannelPlan {
  try {
    const plan = given as Plan; // what is not one fails below, and nothing of it is kept then
    const { expr, inputs } = readPlan(plan);
    const { fields: paths, format } = plan;
    if (format !== 'json' && format !== 'avro') throw new Error(`format ${format} is not known`);
    if (format === 'avro' && paths !== null) throw new Error('raw Avro has all fields');
    const aliases = new Map(plan.inputs.map(({ name, aliases: older = [] }) => [name, older]));
    const aliased = [...aliases].filter(([, older]) => older.length > 0);
    return {
      filter: expr === undefined ? null : { expr, inputs, plan },
      format,
      projection: { paths, aliases },
      projectionKey: JSON.stringify({ format, paths, aliased }),
    };
  } catch (error) {
    if (error instanceof MdsError) throw error;
    throw new MdsError('MDS_PLAN_CORRUPT', { reason: reasonOf(error) }, { cause: error });
  }
}
