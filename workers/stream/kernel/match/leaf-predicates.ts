// Clauses that can be decided on bytes: a value compared with constants. Each gives a test, and how to look it up. What is
// not here (undefined) is decided on decoded values.

import type { AvroType } from '../../../../schemas/avro/avro-type.ts';
import type { Call, Compare, CompareOp, Const, Expr, Has, In } from '../../../../schemas/plan/ast.ts';
import { timeUnitOf } from '../../../../schemas/plan/types.ts';
import { writtenUnit } from '../../../../schemas/plan/writer-values.ts';
import type { AttributeTable } from './attribute-table.ts';
import { nextDown, nextUp } from './intervals.ts';
import type { NumberAttribute } from './number-attribute.ts';
import { exactBytes, keyPlace, type PlaceSource, placeOf, type ReadPlace } from './place-of.ts';
import { type Access, COST, type NewPredicate } from './predicate.ts';

export interface LeafSource extends PlaceSource {
  readonly attributes: AttributeTable;
}

export type Leaf = Pick<NewPredicate, 'cost' | 'test' | 'access' | 'release'>;

/** Shares of events that are assumed before any were seen. */
const PRIOR = { equality: 0.01, range: 0.3, prefix: 0.1, presence: 0.5 } as const;

export function leafOf(expr: Expr, source: LeafSource): Leaf | undefined {
  switch (expr.node) {
    case 'compare':
      return compareLeaf(expr, source);
    case 'in':
      return inLeaf(expr, source);
    case 'call':
      return prefixLeaf(expr, source);
    case 'has':
      return hasLeaf(expr, source);
    default:
      return undefined;
  }
}

function compareLeaf({ op, left, right }: Compare, source: LeafSource): Leaf | undefined {
  if (right.node !== 'const' || right.value === null) return undefined;
  const place = placeOf(left, source);
  if (!place) return undefined;
  if (place.type.kind === 'string' && place.planned.kind === 'string') return stringLeaf(place, op, [right], source);
  const time = timeUnitOf(place.planned);
  if (!isNumber(place.type)) return undefined;
  if (time !== undefined) {
    const isWhole = place.type.kind === 'int' || place.type.kind === 'long'; // a time that became a double is an error
    return isWhole && right.type.kind === time.kind ? timeLeaf(place, op, right, source) : undefined;
  }
  const limit = isNumber(place.planned) ? numberOf(right) : undefined;
  if (limit !== undefined && (op === '==' || op === '!=') && !isExactFor(place, limit)) return undefined;
  return limit === undefined ? undefined : numberLeaf(place, op, limit, source);
}

function inLeaf({ left, right }: In, source: LeafSource): Leaf | undefined {
  if (right.node !== 'list') return keyLeaf(left, right, source);
  const items = right.items.filter((item) => item.node === 'const');
  const place = placeOf(left, source);
  if (!place || items.length === 0 || items.length !== right.items.length) return undefined;
  if (place.type.kind === 'string' && place.planned.kind === 'string') return stringLeaf(place, '==', items, source);
  if (!isNumber(place.type) || !isNumber(place.planned) || timeUnitOf(place.planned)) return undefined;
  const numbers = items.map(numberOf).filter((value) => value !== undefined);
  if (numbers.length !== items.length || !numbers.every((value) => isExactFor(place, value))) return undefined;
  return numbersLeaf(place, numbers, source);
}

function stringLeaf(
  place: ReadPlace,
  op: CompareOp,
  items: readonly Const[],
  { attributes }: LeafSource,
): Leaf | undefined {
  if (op !== '==' && op !== '!=') return undefined;
  if (op === '!=' && place.isNullable) return undefined; // null differs from every text, and has no bytes
  const texts = items.map(({ value }) => (typeof value === 'string' ? exactBytes(value) : undefined));
  const known = texts.filter((text) => text !== undefined);
  if (known.length !== items.length) return undefined;
  const attribute = attributes.string(place);
  const constants = known.map((text) => attribute.retain(text));
  const release = (): void => {
    for (const constant of constants) attribute.release(constant);
    attributes.release('string', place);
  };
  const [only = -1] = constants;
  if (op === '!=') {
    const test = (): boolean => attribute.isPresent() && attribute.constant() !== only;
    return { cost: COST.bytes, test, release };
  }
  const set = new Set(constants);
  const test =
    constants.length === 1
      ? (): boolean => attribute.constant() === only
      : (): boolean => set.has(attribute.constant());
  const access: Access = {
    kind: 'equality',
    of: place.text,
    prior: Math.min(1, PRIOR.equality * set.size),
    postings: () => [...set].map((constant) => attribute.equalTo(constant)),
  };
  return { cost: COST.lookup, test, access, release };
}

function prefixLeaf({ name, args }: Call, { attributes, ...source }: LeafSource): Leaf | undefined {
  const [target, argument] = args;
  if (name !== 'startsWith' || !target || argument?.node !== 'const') return undefined;
  const place = placeOf(target, source);
  const prefix = typeof argument.value === 'string' ? exactBytes(argument.value) : undefined;
  if (place?.type.kind !== 'string' || place.planned.kind !== 'string' || prefix === undefined) return undefined;
  const attribute = attributes.string(place);
  const access: Access = {
    kind: 'prefix',
    of: place.text,
    prior: PRIOR.prefix,
    postings: () => [attribute.startingWith(prefix)],
  };
  return {
    cost: COST.bytes,
    test: () => attribute.startsWith(prefix),
    ...(prefix.length > 0 ? { access } : {}),
    release: () => attributes.release('string', place),
  };
}

function numberLeaf(place: ReadPlace, op: CompareOp, limit: number, { attributes }: LeafSource): Leaf | undefined {
  if (op === '!=') {
    if (place.isNullable) return undefined;
    const attribute = attributes.number(place);
    const test = (): boolean => attribute.isPresent() && attribute.value() !== limit;
    return { cost: COST.lookup, test, release: () => attributes.release('number', place) };
  }
  if (op === '==') return numbersLeaf(place, [limit], { attributes });
  const attribute = attributes.number(place);
  const range = rangeOf(attribute, op, limit);
  return {
    cost: COST.lookup,
    test: numberTest(attribute, op, limit),
    access: {
      kind: 'range',
      of: place.text,
      prior: PRIOR.range,
      postings: () => [attribute.inside(range)],
      range,
    },
    release: () => attributes.release('number', place),
  };
}

function numbersLeaf(
  place: ReadPlace,
  numbers: readonly number[],
  { attributes }: Pick<LeafSource, 'attributes'>,
): Leaf {
  const attribute = attributes.number(place);
  const [only] = numbers;
  const set = new Set(numbers);
  const test = set.size === 1 ? (): boolean => attribute.value() === only : (): boolean => set.has(attribute.value());
  return {
    cost: COST.lookup,
    test,
    access: {
      kind: 'equality',
      of: place.text,
      prior: Math.min(1, PRIOR.equality * set.size),
      postings: () => [...set].map((value) => attribute.equalTo(value)),
    },
    release: () => attributes.release('number', place),
  };
}

/** A time against a constant, in the writer's unit: the constant may lie between two of its ticks. */
function timeLeaf(place: ReadPlace, op: CompareOp, { value }: Const, source: LeafSource): Leaf | undefined {
  if (typeof value !== 'bigint') return undefined;
  const unit = writtenUnit(place.type, place.planned);
  const isExact = value % unit === 0n;
  const floor = Number(value / unit - (value < 0n && !isExact ? 1n : 0n));
  if (!Number.isSafeInteger(floor) || !Number.isSafeInteger(floor + 1)) return undefined;
  if (isExact) return numberLeaf(place, op, floor, source);
  if (op === '==' || op === '!=') return undefined;
  return numberLeaf(place, op === '<' || op === '<=' ? '<=' : '>', floor, source);
}

function hasLeaf({ of, field }: Has, source: LeafSource): Leaf | undefined {
  const expr: Expr =
    of === undefined
      ? { node: 'field', type: { kind: 'dyn' }, name: field }
      : { node: 'select', type: { kind: 'dyn' }, of, field };
  const place = placeOf(expr, source);
  // Other kinds of value may be there and still not be readable as what the plan expects.
  if (!place || (place.type.kind !== place.planned.kind && !(isNumber(place.type) && isNumber(place.planned)))) {
    return undefined;
  }
  if (!READ_ALWAYS.has(place.type.kind) || timeUnitOf(place.planned)) return undefined;
  return presenceLeaf(place, source);
}

const READ_ALWAYS: ReadonlySet<AvroType['kind']> = new Set([
  'string',
  'int',
  'long',
  'float',
  'double',
  'boolean',
  'enum',
  'map',
  'array',
  'record',
]);

/** `"key" in labels`: also a key whose value is null is there, so only maps whose values cannot be. */
function keyLeaf(left: Expr, map: Expr, source: LeafSource): Leaf | undefined {
  if (left.node !== 'const' || typeof left.value !== 'string') return undefined;
  const place = keyPlace(map, left.value, source);
  if (!place || place.isNullable || place.type.kind === 'null') return undefined;
  return presenceLeaf(place, source);
}

function presenceLeaf(place: ReadPlace, { attributes }: LeafSource): Leaf {
  const attribute = attributes.presence(place);
  return {
    cost: COST.lookup,
    test: () => attribute.isPresent(),
    access: {
      kind: 'presence',
      of: place.text,
      prior: PRIOR.presence,
      postings: () => [attribute.posting()],
    },
    release: () => attributes.release('presence', place),
  };
}

const isNumber = ({ kind }: AvroType): boolean =>
  kind === 'int' || kind === 'long' || kind === 'float' || kind === 'double';

/** A constant that doubles hold exactly; beyond 2^53 the values compared with it might not be. */
function numberOf({ value, type }: Const): number | undefined {
  if (type.kind !== 'int' && type.kind !== 'double') return undefined;
  const number = typeof value === 'bigint' || typeof value === 'number' ? Number(value) : Number.NaN;
  if (Number.isNaN(number)) return undefined;
  return typeof value === 'number' || Number.isSafeInteger(number) ? number : undefined;
}

/** Several longs are the same number from 2^53 on: equality with one of these needs all their bits. */
const isExactFor = ({ type }: ReadPlace, value: number): boolean => type.kind !== 'long' || Math.abs(value) < 2 ** 53;

type Range = NonNullable<Access['range']>;

function rangeOf(attribute: NumberAttribute, op: CompareOp, limit: number): Range {
  const [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  switch (op) {
    case '<':
      return { attribute, low, high: nextDown(limit) };
    case '<=':
      return { attribute, low, high: limit };
    case '>':
      return { attribute, low: nextUp(limit), high };
    default:
      return { attribute, low: limit, high };
  }
}

/** Each operator has its own closure, so that the engine can inline the comparison. */
function numberTest(attribute: NumberAttribute, op: CompareOp, limit: number): () => boolean {
  switch (op) {
    case '<':
      return () => attribute.value() < limit;
    case '<=':
      return () => attribute.value() <= limit;
    case '>':
      return () => attribute.value() > limit;
    default:
      return () => attribute.value() >= limit;
  }
}
