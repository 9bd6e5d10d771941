// From values as decoded with the writer's schema to values that the topic's schema promises: Avro's schema resolution,
// decided once per (writer, plan) and applied to single values when a filter reads them.
//
// One deliberate difference: where the writer promoted an integer to float or double, the value stays a double instead of
// being unreadable, and CEL compares it across types. So plans made before a promotion keep working after it.

import type { AvroField, AvroType } from '../avro/avro-type.ts';
import { branchName, nullableBranch } from '../avro/avro-type.ts';
import { decimalScaleOf, timeUnitOf } from './types.ts';
import { ERROR } from './values.ts';

/** Turns one decoded value into an evaluation value (values.ts) or ERROR. */
export type Reader = (decoded: unknown) => unknown;

/** A value that is null or of exactly one type, both as written and as planned. */
export interface Narrowed {
  /** Takes a decoded value to the bare value of `writer`, null, or ERROR. */
  readonly open: Reader;
  readonly writer: AvroType;
  readonly plan: AvroType;
}

const same: Reader = (decoded) => decoded;
const fail: Reader = () => ERROR;

/** The type behind a nullable or single-branch union; undefined for a union of several types. */
export function soleType(type: AvroType): AvroType | undefined {
  if (type.kind !== 'union') return type;
  return nullableBranch(type) ?? (type.branches.length === 1 ? type.branches[0] : undefined);
}

const allowsNull = (type: AvroType): boolean =>
  type.kind === 'null' || (type.kind === 'union' && type.branches.some(({ kind }) => kind === 'null'));

/**
 * Looks through unions on both sides.
 *
 * @returns undefined when the plan's type is a union of several types, whose values have no one static type
 */
export function narrow(writer: AvroType, plan: AvroType): Narrowed | undefined {
  const planned = soleType(plan);
  if (planned === undefined) return undefined;
  const ifNull = allowsNull(plan) ? null : ERROR;
  if (writer.kind !== 'union') {
    return { open: writer.kind === 'null' ? () => ifNull : same, writer, plan: planned };
  }
  const branch = nullableBranch(writer);
  if (branch !== undefined) {
    return { open: ifNull === null ? same : (decoded) => decoded ?? ERROR, writer: branch, plan: planned };
  }
  const chosen = writer.branches.find((candidate) => canResolve(candidate, planned)) ?? planned;
  const name = branchName(chosen);
  return { open: (decoded) => (decoded === null ? ifNull : branchValue(decoded, name)), writer: chosen, plan: planned };
}

/** The value of a wrapped union, `{ [branch]: value }`, when it is of that branch. */
function branchValue(decoded: unknown, name: string): unknown {
  if (typeof decoded !== 'object' || decoded === null || !Object.hasOwn(decoded, name)) return ERROR;
  return Reflect.get(decoded, name);
}

const NUMERIC = new Set(['int', 'long', 'float', 'double']);

/** Whether values of `writer` (no union) can be read as `plan` (no union). */
export function canResolve(writer: AvroType, plan: AvroType): boolean {
  if (NUMERIC.has(writer.kind)) return NUMERIC.has(plan.kind);
  if (writer.kind === 'string' || writer.kind === 'bytes') return plan.kind === 'string' || plan.kind === 'bytes';
  if (writer.kind === 'fixed') return plan.kind === 'fixed' && plan.size === writer.size;
  if (writer.kind === 'record' && plan.kind === 'record') {
    return (
      shortName(writer.name) === shortName(plan.name) ||
      plan.aliases.some((alias) => shortName(alias) === shortName(writer.name))
    );
  }
  return writer.kind === plan.kind;
}

const shortName = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

/** Reads a scalar; `isDouble` says that numbers come out as double, because the writer or the plan has them so. */
export interface ScalarReader {
  readonly read: Reader;
  readonly isDouble: boolean;
}

/**
 * A reader of scalars: everything but lists, maps and records, which stay as decoded until something inside is read.
 *
 * @returns undefined when the plan's type is a union of several types
 */
export function scalarReader(writer: AvroType, plan: AvroType): ScalarReader | undefined {
  const planned = soleType(plan);
  if (planned === undefined) return undefined;
  const branches = writer.kind === 'union' ? writer.branches : [writer];
  const isDouble = isFloating(planned) || (NUMERIC.has(planned.kind) && branches.some(isFloating));
  const narrowed = narrow(writer, plan);
  if (narrowed === undefined || isChoice(writer)) {
    return { read: choiceReader(branches, planned, isDouble, allowsNull(plan) ? null : ERROR), isDouble };
  }
  const { open } = narrowed;
  const read = convert(narrowed.writer, planned, isDouble);
  if (read === same) return { read: open, isDouble };
  const opened: Reader = (decoded) => {
    const value = open(decoded);
    return value === null || value === ERROR ? value : read(value);
  };
  return { read: opened, isDouble };
}

const isFloating = ({ kind }: AvroType): boolean => kind === 'float' || kind === 'double';
const isChoice = (writer: AvroType): boolean => writer.kind === 'union' && nullableBranch(writer) === undefined;

/** Reads `{ [branch]: value }`: each branch that fits has its own conversion, the others are errors. */
function choiceReader(branches: readonly AvroType[], plan: AvroType, isDouble: boolean, ifNull: unknown): Reader {
  const readers = new Map(branches.map((branch) => [branchName(branch), convert(branch, plan, isDouble)]));
  return (decoded) => {
    if (decoded === null) return ifNull;
    if (typeof decoded !== 'object') return ERROR;
    for (const name of Object.keys(decoded)) return readers.get(name)?.(Reflect.get(decoded, name)) ?? ERROR;
    return ERROR;
  };
}

function convert(writer: AvroType, plan: AvroType, isDouble: boolean): Reader {
  if (!canResolve(writer, plan)) return fail;
  const unit = timeUnitOf(plan);
  if (unit !== undefined) {
    if (writer.kind !== 'int' && writer.kind !== 'long') return fail;
    const ns = writtenUnit(writer, plan);
    return (decoded) => toBigInt(decoded) * ns;
  }
  const scale = decimalScaleOf(plan);
  if (scale !== undefined) return decimalReader(decimalScaleOf(writer) ?? scale);
  if (isDouble) return writer.kind === 'long' ? Number : same;
  if (plan.kind === 'string' && writer.kind === 'bytes') return decodeUtf8;
  if (plan.kind === 'bytes' && writer.kind === 'string') return (decoded) => encoder.encode(String(decoded));
  return same;
}

/** Nanoseconds in one unit of a time, as the writer says, or as the topic's schema does when the writer is silent. */
export function writtenUnit(writer: AvroType, plan: AvroType): bigint {
  const planned = timeUnitOf(plan);
  const written = timeUnitOf(writer);
  return (written?.kind === planned?.kind ? written?.ns : undefined) ?? planned?.ns ?? 1n;
}

const toBigInt = (decoded: unknown): bigint =>
  typeof decoded === 'number' || typeof decoded === 'bigint' ? BigInt(decoded) : 0n;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: unknown): unknown {
  if (!(bytes instanceof Uint8Array)) return ERROR;
  try {
    return decoder.decode(bytes);
  } catch (thrown) {
    if (thrown instanceof TypeError) return ERROR;
    throw thrown;
  }
}

/** Big-endian two's complement with a decimal point `scale` digits from the right, as the nearest double. */
function decimalReader(scale: number): Reader {
  return (decoded) => {
    if (!(decoded instanceof Uint8Array)) return ERROR;
    let unscaled = 0n;
    for (const byte of decoded) unscaled = (unscaled << 8n) | BigInt(byte);
    return Number(`${BigInt.asIntN(decoded.length * 8, unscaled)}e-${scale}`);
  };
}

/** The writer's field for one that the plan names: by name first, then by alias. */
export function writerField(
  fields: readonly AvroField[],
  wanted: { readonly name: string; readonly aliases: readonly string[] },
): AvroField | undefined {
  return fields.find(({ name }) => name === wanted.name) ?? fields.find(({ name }) => wanted.aliases.includes(name));
}
