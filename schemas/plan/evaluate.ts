// Plans made executable for events of one writer's schema. Compile once per (plan, writer); what is returned neither
// parses nor throws.

import type { AvroRecord, AvroType } from '../avro/avro-type.ts';
import type { DecodedEvent } from '../avro/decoded-event.ts';
import { MdsError } from '../errors.ts';
import { compileExpr } from './compile.ts';
import { jsonWriter } from './json-writer.ts';
import type { Plan } from './plan.ts';
import { readPlan } from './plan.ts';

export type { DecodedEvent } from '../avro/decoded-event.ts';

/**
 * @param plan from makePlan
 * @param writer the event record of the schema that the events were written with
 * @returns whether an event matches; an event on which the filter is an error does not
 * @throws MdsError `MDS_PLAN_CORRUPT`, or `MDS_SCHEMA_NOT_RECORD`
 */
export function compileFilter(plan: Plan, writer: AvroType): (event: DecodedEvent) => boolean {
  const { expr, inputs } = readPlan(plan);
  const record = recordOf(writer);
  if (expr === undefined) return () => true;
  const run = compileExpr(expr, inputs, record);
  return (event) => run(event) === true;
}

/**
 * @returns a writer of the projected event as JSON text; fields in the writer's order, see json-writer.ts for values
 * @throws MdsError `MDS_PLAN_CORRUPT`, or `MDS_SCHEMA_NOT_RECORD`
 */
export function compileProjection(plan: Plan, writer: AvroType): (event: DecodedEvent) => string {
  const aliases = new Map(plan.inputs.map(({ name, aliases: older = [] }) => [name, older]));
  return jsonWriter(recordOf(writer), plan.fields, aliases);
}

function recordOf(writer: AvroType): AvroRecord {
  if (writer.kind === 'record') return writer;
  throw new MdsError('MDS_SCHEMA_NOT_RECORD', { found: writer.kind });
}
