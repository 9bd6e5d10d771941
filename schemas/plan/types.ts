// The static types of filters, and how Avro types map to them.

import type { AvroEnum, AvroRecord, AvroType } from '../avro/avro-type.ts';
import { nullableBranch } from '../avro/avro-type.ts';

/** `null` beside a type says that values may also be null. */
export type CelType = { readonly nullable?: boolean } & (
  | { readonly kind: ScalarKind }
  | { readonly kind: 'enum'; readonly of: AvroEnum }
  | { readonly kind: 'list'; readonly of: CelType }
  | { readonly kind: 'map'; readonly of: CelType }
  | { readonly kind: 'record'; readonly of: AvroRecord }
);

/** `dyn`: known only at evaluation (a union of several types, `dyn(x)`, mixed lists). */
export type ScalarKind =
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'timestamp'
  | 'duration'
  | 'null'
  | 'type'
  | 'dyn';

export const BOOL: CelType = { kind: 'bool' };
export const INT: CelType = { kind: 'int' };
export const DOUBLE: CelType = { kind: 'double' };
export const STRING: CelType = { kind: 'string' };
export const DYN: CelType = { kind: 'dyn' };

/** Nanoseconds in one unit of an Avro time type; undefined when the logical type is not a time on this base. */
const TIME_UNITS: Readonly<
  Record<string, { readonly base: string; readonly kind: 'timestamp' | 'duration'; readonly ns: bigint }>
> = {
  'timestamp-millis': { base: 'long', kind: 'timestamp', ns: 1_000_000n },
  'timestamp-micros': { base: 'long', kind: 'timestamp', ns: 1_000n },
  'timestamp-nanos': { base: 'long', kind: 'timestamp', ns: 1n },
  'local-timestamp-millis': { base: 'long', kind: 'timestamp', ns: 1_000_000n },
  'local-timestamp-micros': { base: 'long', kind: 'timestamp', ns: 1_000n },
  'local-timestamp-nanos': { base: 'long', kind: 'timestamp', ns: 1n },
  date: { base: 'int', kind: 'timestamp', ns: 86_400_000_000_000n },
  'time-millis': { base: 'int', kind: 'duration', ns: 1_000_000n },
  'time-micros': { base: 'long', kind: 'duration', ns: 1_000n },
};

/** Kind and nanoseconds per unit when `type` carries a time, e.g. 1000n for timestamp-micros. */
export function timeUnitOf(
  type: AvroType,
): { readonly kind: 'timestamp' | 'duration'; readonly ns: bigint } | undefined {
  if (type.kind !== 'int' && type.kind !== 'long') return undefined;
  if (type.logical === undefined || !Object.hasOwn(TIME_UNITS, type.logical.name)) return undefined;
  const unit = TIME_UNITS[type.logical.name];
  return unit?.base === type.kind ? unit : undefined;
}

/** Digits after the point when `type` is a decimal on bytes or fixed; filters see it as a double. */
export function decimalScaleOf(type: AvroType): number | undefined {
  if (type.kind !== 'bytes' && type.kind !== 'fixed') return undefined;
  return type.logical?.name === 'decimal' ? (type.logical.scale ?? 0) : undefined;
}

export function celTypeOf(type: AvroType): CelType {
  switch (type.kind) {
    case 'null':
      return { kind: 'null' };
    case 'boolean':
      return BOOL;
    case 'int':
    case 'long':
      return { kind: timeUnitOf(type)?.kind ?? 'int' };
    case 'float':
    case 'double':
      return DOUBLE;
    case 'string':
      return STRING;
    case 'bytes':
    case 'fixed':
      return decimalScaleOf(type) === undefined ? { kind: 'bytes' } : DOUBLE;
    case 'enum':
      return { kind: 'enum', of: type };
    case 'array':
      return { kind: 'list', of: celTypeOf(type.items) };
    case 'map':
      return { kind: 'map', of: celTypeOf(type.values) };
    case 'record':
      return { kind: 'record', of: type };
    case 'union': {
      const branch = nullableBranch(type) ?? (type.branches.length === 1 ? type.branches[0] : undefined);
      if (branch === undefined) return DYN;
      const inner = celTypeOf(branch);
      return nullableBranch(type) === undefined || inner.kind === 'null' ? inner : { ...inner, nullable: true };
    }
  }
}

/** The name a user sees in errors. */
export function nameOf(type: CelType): string {
  const name = plainName(type);
  return type.nullable === true ? `${name} or null` : name;
}

function plainName(type: CelType): string {
  switch (type.kind) {
    case 'enum':
      return `enum ${shortName(type.of.name)}`;
    case 'record':
      return `record ${shortName(type.of.name)}`;
    case 'list':
      return `list of ${nameOf(type.of)}`;
    case 'map':
      return `map of ${nameOf(type.of)}`;
    default:
      return type.kind;
  }
}

const shortName = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

export const isNumeric = ({ kind }: CelType): boolean => kind === 'int' || kind === 'uint' || kind === 'double';

/** Whether both are the same type, null aside. */
export function sameType(a: CelType, b: CelType): boolean {
  if (a.kind === 'enum' && b.kind === 'enum') return a.of.name === b.of.name;
  if (a.kind === 'record' && b.kind === 'record') return a.of.name === b.of.name;
  if (a.kind === 'list' && b.kind === 'list') return sameType(a.of, b.of);
  if (a.kind === 'map' && b.kind === 'map') return sameType(a.of, b.of);
  return a.kind === b.kind;
}

/** Whether `==` between the two can ever be more than false: same type, both numbers, null on a nullable, or dyn. */
export function areComparable(a: CelType, b: CelType): boolean {
  if (a.kind === 'dyn' || b.kind === 'dyn') return true;
  if (a.kind === 'null' || b.kind === 'null') return a.kind === b.kind || a.nullable === true || b.nullable === true;
  if (isNumeric(a) && isNumeric(b)) return true;
  if (a.kind === 'list' && b.kind === 'list') return areComparable(a.of, b.of);
  if (a.kind === 'map' && b.kind === 'map') return areComparable(a.of, b.of);
  return sameType(a, b);
}

/** One type that covers both, or dyn. */
export function unify(a: CelType, b: CelType): CelType {
  const nullable = a.nullable === true || b.nullable === true;
  if (a.kind === 'null' && b.kind !== 'null') return { ...b, nullable: true };
  if (b.kind === 'null' && a.kind !== 'null') return { ...a, nullable: true };
  if (!sameType(a, b)) return DYN;
  if (a.kind === 'list' && b.kind === 'list') return { ...a, of: unify(a.of, b.of), ...(nullable ? { nullable } : {}) };
  if (a.kind === 'map' && b.kind === 'map') return { ...a, of: unify(a.of, b.of), ...(nullable ? { nullable } : {}) };
  return nullable ? { ...a, nullable } : a;
}
