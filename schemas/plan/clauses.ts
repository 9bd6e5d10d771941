// The clauses of a filter: the parts that must all be true for an event to match. For telling which of them said no.

import { type AvroType, eventSchemaOf } from '../avro/avro-type.ts';
import { MdsError } from '../errors.ts';
import type { Expr } from './ast.ts';
import { canonicalStyle } from './canonical.ts';
import { makePlan, readPlan } from './plan.ts';
import { printExpr } from './print.ts';

/**
 * @param schema the event record of the topic's schema
 * @returns in canonical form, in their order; none for a filter that takes every event
 * @throws MdsError `MDS_FILTER_…`
 */
export function clausesOf(filter: string, schema: AvroType): string[] {
  if (schema.kind !== 'record') throw new MdsError('MDS_SCHEMA_NOT_RECORD', { found: schema.kind });
  const { expr } = readPlan(makePlan({ filter }, schema));
  if (expr === undefined) return [];
  const style = canonicalStyle(new Set(eventSchemaOf(schema).fields.map(({ name }) => name)));
  return conjuncts(expr).map((clause) => printExpr(clause, style));
}

const conjuncts = (expr: Expr): readonly Expr[] =>
  expr.node === 'and' ? expr.args.flatMap((arg) => conjuncts(arg)) : [expr];
