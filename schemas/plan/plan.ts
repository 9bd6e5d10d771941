// A plan: what a subscription wants of each event, checked against the topic's schema, canonical and self-contained.
// Workers, edges and the browser build the same plan from the same request, and equal plans give the same channel.

import type { AvroField, AvroRecord, AvroType } from '../avro/avro-type.ts';
import { avroJsonOf } from '../avro/json.ts';
import { parseAvroSchema } from '../avro/parse.ts';
import type { MdsErrorCode } from '../errors.ts';
import { isMdsErrorCode, MdsError, reasonOf } from '../errors.ts';
import type { Expr } from './ast.ts';
import { fieldsReadBy } from './ast.ts';
import { canonicalExpr, canonicalStyle } from './canonical.ts';
import { checkText, type Substitute } from './check.ts';
import { costOf } from './cost.ts';
import { MAX_FILTER_COST } from './limits.ts';
import type { Place } from './place.ts';
import { filterError, placeIn } from './place.ts';
import { printExpr } from './print.ts';
import { checkedProjection } from './projection-paths.ts';
import { sha256Hex } from './sha256.ts';
import { celTypeOf } from './types.ts';

export type PlanFormat = 'json' | 'avro';

/** Everything a kernel needs to evaluate; self-contained, JSON-serialisable, deterministic. */
export interface Plan {
  readonly v: 1;
  /** Canonical CEL; '' lets every event through. */
  readonly filter: string;
  /** Projection: top-level or dotted field paths, sorted; null for whole events. */
  readonly fields: readonly string[] | null;
  readonly format: PlanFormat;
  /** The top-level fields that the filter reads (and projected ones with aliases), sorted by name. */
  readonly inputs: readonly PlanInput[];
}

export interface PlanInput {
  readonly name: string;
  /** The field's type in the topic's schema, as normalised Avro JSON for parseAvroSchema. */
  readonly type: unknown;
  /** Names under which older writers knew the field. */
  readonly aliases?: readonly string[];
  /** The topic schema's default (Avro JSON), for writers that lack the field; absent when there is none. */
  readonly default?: unknown;
}

export interface PlanRequest {
  readonly filter?: string | undefined;
  readonly fields?: readonly string[] | undefined;
  readonly format?: PlanFormat | undefined;
}

/**
 * @param request what a subscriber asked for; no or an empty filter takes every event, no or empty fields whole events
 * @param schema the event record of the topic's schema
 * @throws MdsError `MDS_FILTER_…` with `details.at`, `MDS_PROJECTION_…` or `MDS_SCHEMA_NOT_RECORD`
 */
export const makePlan = (request: PlanRequest, schema: AvroType): Plan => makeCostedPlan(request, schema).plan;

export interface CostedPlan {
  readonly plan: Plan;
  /** Of its filter for each event, as `costOf` counts. */
  readonly cost: number;
}

/** The same, with what the filter costs. */
export function makeCostedPlan(request: PlanRequest, schema: AvroType): CostedPlan {
  const record = recordOf(schema);
  const filter = canonicalFilter(request.filter ?? '', record);
  const fields = checkedProjection(request.fields ?? [], record);
  if (request.format === 'avro' && fields !== null) throw new MdsError('MDS_PROJECTION_NOT_AVRO');
  const projected = new Set(fields?.map((path) => path.split('.')[0]));
  const read = new Set(filter?.fieldsRead);
  const inputs = record.fields
    .filter(({ name, aliases }) => read.has(name) || (projected.has(name) && aliases.length > 0))
    .map(inputOf)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const plan: Plan = { v: 1, filter: filter?.canonical ?? '', fields, format: request.format ?? 'json', inputs };
  return { plan, cost: filter?.cost ?? 0 };
}

function recordOf(schema: AvroType): AvroRecord {
  if (schema.kind === 'record') return schema;
  throw new MdsError('MDS_SCHEMA_NOT_RECORD', { found: schema.kind });
}

interface CheckedFilter {
  readonly canonical: string;
  readonly fieldsRead: readonly string[];
  /** About how many comparisons the filter costs for each event. */
  readonly cost: number;
}

function canonicalFilter(text: string, record: AvroRecord, substitute?: Substitute): CheckedFilter | undefined {
  if (text.trim() === '') return undefined;
  const names = new Set(record.fields.map(({ name }) => name));
  const types = new Map(record.fields.map(({ name, type }) => [name, celTypeOf(type)]));
  const checked = checkText(text, types, substitute);
  const expr = canonicalExpr(checked, names);
  const cost = costOf(expr);
  if (cost > MAX_FILTER_COST) {
    throw filterError('MDS_FILTER_TOO_COSTLY', placeIn(text, 0, text.length), { cost, limit: MAX_FILTER_COST });
  }
  const isEverything = expr.node === 'const' && expr.value === true;
  const canonical = isEverything ? '' : printExpr(expr, canonicalStyle(names));
  return { canonical, fieldsRead: fieldsReadBy(expr), cost };
}

/**
 * The canonical form of a filter that the service itself demands; '' when it takes every event.
 *
 * @throws MdsError `MDS_FILTER_…` with `details.at`
 */
export const demandedFilterText = (text: string, schema: AvroType, substitute: Substitute): string =>
  canonicalFilter(text, recordOf(schema), substitute)?.canonical ?? '';

const inputOf = ({ name, type, aliases, ...field }: AvroField): PlanInput => ({
  name,
  type: avroJsonOf(type),
  ...(aliases.length > 0 ? { aliases } : {}),
  ...(field.hasDefault ? { default: field.default } : {}),
});

export type FilterCheck =
  | ({ readonly ok: true } & CheckedFilter)
  | { readonly ok: false; readonly error: FilterProblem };

export interface FilterProblem {
  readonly code: MdsErrorCode;
  readonly message: string;
  readonly at: Place;
  readonly didYouMean?: string;
}

/** Checks a filter without throwing: for the page, `POST /v1/filters/check`, and filters of grants. */
export function checkFilter(text: string, schema: AvroType, substitute?: Substitute): FilterCheck {
  try {
    const checked = canonicalFilter(text, recordOf(schema), substitute);
    return { ok: true, ...(checked ?? { canonical: '', fieldsRead: [], cost: 0 }) };
  } catch (thrown) {
    if (!(thrown instanceof MdsError) || !isFilterError(thrown.code)) throw thrown;
    const { at, didYouMean } = thrown.details;
    const place = isPlace(at) ? at : placeIn(text, 0, text.length);
    const error = { code: thrown.code, message: thrown.message, at: place };
    return { ok: false, error: typeof didYouMean === 'string' ? { ...error, didYouMean } : error };
  }
}

const isFilterError = (code: string): boolean => isMdsErrorCode(code) && code.startsWith('MDS_FILTER_');
const isPlace = (at: unknown): at is Place => typeof at === 'object' && at !== null && 'offset' in at && 'line' in at;

/**
 * The channel of a topic and a plan: 128 bits of SHA-256 over the canonical serialisation, as 32 hex digits.
 */
export function channelIdOf(topicId: number, plan: Plan): string {
  return sha256Hex(`mds channel 1\n${topicId}\n${stableJson(plan)}`).slice(0, 32);
}

/** JSON with sorted keys, so that the order in which a plan was built or stored does not matter. */
function stableJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stableJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${stableJson(inner)}`).join(',')}}`;
}

/** The parsed form of a plan's inputs. */
export interface ParsedInput {
  readonly name: string;
  readonly type: AvroType;
  readonly aliases: readonly string[];
  readonly hasDefault: boolean;
  readonly default?: unknown;
}

/**
 * The tree of a plan's filter (undefined when it takes every event) and the types it reads.
 *
 * @throws MdsError `MDS_PLAN_CORRUPT` when the plan was not made by makePlan
 */
export function readPlan(plan: Plan): { readonly expr: Expr | undefined; readonly inputs: readonly ParsedInput[] } {
  try {
    if (plan.v !== 1) throw new Error(`its version is ${JSON.stringify(plan.v)}`);
    const inputs = plan.inputs.map(({ name, type, aliases = [], ...input }) => ({
      name,
      type: parseAvroSchema(type),
      aliases,
      hasDefault: Object.hasOwn(input, 'default'),
      default: input.default,
    }));
    if (plan.filter === '') return { expr: undefined, inputs };
    return { expr: checkText(plan.filter, new Map(inputs.map(({ name, type }) => [name, celTypeOf(type)]))), inputs };
  } catch (cause) {
    throw new MdsError('MDS_PLAN_CORRUPT', { reason: reasonOf(cause) }, { cause });
  }
}
