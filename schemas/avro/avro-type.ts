// Avro schemas as a discriminated union with every name resolved: what plans are checked against and kernels read with.
// Only meaning is kept: names, types, symbols, defaults, aliases and logical types; `doc` and unknown attributes are not.

export type AvroType = AvroPrimitive | AvroRecord | AvroEnum | AvroArray | AvroMap | AvroUnion | AvroFixed;

export type PrimitiveName = 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string';

/** A logical type annotation; `scale` is only there for `decimal`. */
export interface LogicalType {
  readonly name: string;
  readonly precision?: number;
  readonly scale?: number;
}

export interface AvroPrimitive {
  readonly kind: PrimitiveName;
  readonly logical?: LogicalType;
}

export interface AvroRecord {
  readonly kind: 'record';
  /** Full name: namespace and name. */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly fields: readonly AvroField[];
  /** The field that holds the events, when the schema says `"mds.batch": "<field>"`: this is a batch record. */
  readonly batchField?: string;
}

export interface AvroField {
  readonly name: string;
  readonly type: AvroType;
  readonly aliases: readonly string[];
  readonly hasDefault: boolean;
  /** The default as the schema's JSON states it; undefined unless `hasDefault`. */
  readonly default?: unknown;
}

export interface AvroEnum {
  readonly kind: 'enum';
  readonly name: string;
  readonly symbols: readonly string[];
  readonly default?: string;
}

export interface AvroArray {
  readonly kind: 'array';
  readonly items: AvroType;
}

export interface AvroMap {
  readonly kind: 'map';
  readonly values: AvroType;
}

export interface AvroUnion {
  readonly kind: 'union';
  readonly branches: readonly AvroType[];
}

export interface AvroFixed {
  readonly kind: 'fixed';
  readonly name: string;
  readonly size: number;
  readonly logical?: LogicalType;
}

/** The record schema of one event: the item of a batch record's array, otherwise the record itself. */
export function eventSchemaOf(record: AvroRecord): AvroRecord {
  if (record.batchField === undefined) return record;
  const field = record.fields.find(({ name }) => name === record.batchField);
  if (field?.type.kind === 'array' && field.type.items.kind === 'record') return field.type.items;
  return record;
}

/**
 * The other branch of a union of null and exactly one more type.
 *
 * @returns undefined when `type` is anything else
 */
export function nullableBranch(type: AvroType): AvroType | undefined {
  if (type.kind !== 'union' || type.branches.length !== 2) return undefined;
  const [first, second] = type.branches;
  if (first?.kind === 'null') return second;
  return second?.kind === 'null' ? first : undefined;
}

/** The name under which Avro (and avsc) knows a branch of a union. */
export const branchName = (type: AvroType): string => ('name' in type ? type.name : type.kind);
