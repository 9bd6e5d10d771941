// Which series a filter takes. A filter is answered from a rollup only when it reads nothing but what the series keep: then
// each event of a series gives the same verdict, and the series' aggregates are exactly those of the matching events.

import type { AvroRecord } from '../../../schemas/avro/avro-type.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { childrenOf, type Expr } from '../../../schemas/plan/ast.ts';
import { compileFilter } from '../../../schemas/plan/evaluate.ts';
import { makePlan, readPlan } from '../../../schemas/plan/plan.ts';
import { LABELS_FIELD, type RollupDefinition, type SeriesDimensions } from '../../../schemas/rollup/definition.ts';

export type SeriesFilter = (series: SeriesDimensions) => boolean;

export interface FilterQuestion {
  readonly filter: string;
  readonly definition: RollupDefinition;
  /** The event record of the topic's schema. */
  readonly record: AvroRecord;
}

/**
 * @returns null for a filter that takes every event
 * @throws MdsError `MDS_FILTER_…`, or `MDS_ROLLUP_FILTER` with what the filter reads and the rollup does not keep
 */
export function seriesFilter({ filter, definition, record }: FilterQuestion): SeriesFilter | null {
  const plan = makePlan({ filter }, record);
  const { expr } = readPlan(plan);
  if (expr === undefined) return null;
  const missing = unknownTo(definition, expr);
  if (missing.length > 0) throw new MdsError('MDS_ROLLUP_FILTER', { reads: missing, keeps: keptBy(definition) });
  const matches = compileFilter(plan, record);
  return ({ fields, labels }) => {
    const values = Object.fromEntries(definition.fields.map((name, i) => [name, fields[i] ?? null]));
    return matches({ ...values, [LABELS_FIELD]: labels });
  };
}

/** As filters and `groupBy` name it. */
export function keptBy({ fields, labels }: RollupDefinition): string[] {
  return [...fields, ...(labels === 'all' ? ['labels.*'] : labels.map((key) => `labels.${key}`))];
}

/** What the expression reads and series do not have. */
function unknownTo(definition: RollupDefinition, expr: Expr): string[] {
  const { fields, labels } = definition;
  const missing = new Set<string>();
  const visit = (at: Expr): void => {
    const label = labelReadBy(at);
    if (label !== null) {
      if (labels !== 'all' && !labels.includes(label)) missing.add(`labels.${label}`);
      return;
    }
    const name = at.node === 'field' ? at.name : at.node === 'has' && at.of === undefined ? at.field : null;
    const isKept = name === null || fields.includes(name) || (name === LABELS_FIELD && labels === 'all');
    if (!isKept) missing.add(name);
    for (const child of childrenOf(at)) visit(child);
  };
  visit(expr);
  return [...missing];
}

/** The key of `labels["key"]` or `"key" in labels`, null for anything else. */
function labelReadBy(at: Expr): string | null {
  if (at.node === 'index' && isLabels(at.of)) return textOf(at.key);
  if (at.node === 'in' && isLabels(at.right)) return textOf(at.left);
  return null;
}

const isLabels = (at: Expr): boolean => at.node === 'field' && at.name === LABELS_FIELD;
const textOf = (at: Expr): string | null => (at.node === 'const' && typeof at.value === 'string' ? at.value : null);
