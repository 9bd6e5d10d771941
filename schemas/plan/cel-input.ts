// Decoded values as inputs of @bufbuild/cel: the whole value at once, resolved from the writer's type to the plan's.

import type { CelInput } from '@bufbuild/cel';
import { create } from '@bufbuild/protobuf';
import { DurationSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';
import type { AvroRecord, AvroType, AvroUnion } from '../avro/avro-type.ts';
import { branchName, nullableBranch } from '../avro/avro-type.ts';
import { decodedDefault } from '../avro/default-value.ts';
import { secondsOf } from './time.ts';
import { timeUnitOf } from './types.ts';
import { ERROR } from './values.ts';
import { canResolve, narrow, scalarReader, writerField } from './writer-values.ts';

/** undefined: the value does not fit, which to CEL is an unknown variable or field, so an error. */
type CelReader = (decoded: unknown) => CelInput | undefined;

/** Recursive schemas meet the same pair of types again, so readers are made when first needed. */
export function celInputReader(writer: AvroType, plan: AvroType): CelReader {
  let made: CelReader | undefined;
  return (decoded) => {
    made ??= makeReader(writer, plan);
    return made(decoded);
  };
}

function makeReader(writer: AvroType, plan: AvroType): CelReader {
  const narrowed = narrow(writer, plan);
  if (narrowed === undefined) return plan.kind === 'union' ? unionReader(writer, plan) : () => undefined;
  const { open } = narrowed;
  const inner = compositeReader(narrowed.writer, narrowed.plan);
  if (inner !== undefined) {
    return (decoded) => {
      const value = open(decoded);
      return value === null ? null : value === ERROR ? undefined : inner(value);
    };
  }
  const scalar = scalarReader(writer, plan);
  const time = timeUnitOf(narrowed.plan)?.kind;
  const isDouble = scalar?.isDouble === true;
  return (decoded) => scalarInput(scalar?.read(decoded), time, isDouble || isFloating(narrowed.plan));
}

const isFloating = ({ kind }: AvroType): boolean =>
  kind === 'float' || kind === 'double' || kind === 'bytes' || kind === 'fixed';

function scalarInput(
  value: unknown,
  time: 'timestamp' | 'duration' | undefined,
  isDouble: boolean,
): CelInput | undefined {
  if (typeof value === 'bigint' && time !== undefined) return timeMessage(value, time);
  if (typeof value === 'number' && !isDouble) return BigInt(value);
  if (typeof value === 'bigint' || typeof value === 'number' || typeof value === 'string') return value;
  if (value === null || typeof value === 'boolean' || value instanceof Uint8Array) return value;
  return undefined;
}

const NS_PER_SECOND = 1_000_000_000n;

function timeMessage(ns: bigint, time: 'timestamp' | 'duration'): CelInput {
  const seconds = time === 'timestamp' ? secondsOf(ns) : ns / NS_PER_SECOND;
  const nanos = Number(ns - seconds * NS_PER_SECOND);
  return create(time === 'timestamp' ? TimestampSchema : DurationSchema, { seconds, nanos });
}

function compositeReader(writer: AvroType, plan: AvroType): ((value: unknown) => CelInput | undefined) | undefined {
  switch (plan.kind) {
    case 'array': {
      if (writer.kind !== 'array') return () => undefined;
      const read = celInputReader(writer.items, plan.items);
      return (value) => (Array.isArray(value) ? everyItem(value.map(read)) : undefined);
    }
    case 'map': {
      if (writer.kind !== 'map') return () => undefined;
      const read = celInputReader(writer.values, plan.values);
      return (value) => entriesToMap(Object.entries(value ?? {}).map(([key, inner]) => [key, read(inner)]));
    }
    case 'record':
      return writer.kind === 'record' ? recordReader(writer, plan) : () => undefined;
    default:
      return undefined;
  }
}

/** A list with an item that does not fit is unreadable as a whole: leaving the item out would move the others. */
function everyItem(items: readonly (CelInput | undefined)[]): CelInput | undefined {
  const fitting = items.filter((item) => item !== undefined);
  return fitting.length === items.length ? fitting : undefined;
}

function recordReader(writer: AvroRecord, plan: AvroRecord): (value: unknown) => CelInput {
  const readers = plan.fields.map((field): readonly [string, CelReader] => {
    const written = writerField(writer.fields, field);
    if (written !== undefined) {
      const read = celInputReader(written.type, field.type);
      return [field.name, (record) => read(Reflect.get(Object(record), written.name))];
    }
    const read = celInputReader(field.type, field.type);
    return [field.name, () => (field.hasDefault ? read(decodedDefault(field.default, field.type)) : undefined)];
  });
  return (record) => entriesToMap(readers.map(([name, read]) => [name, read(record)]));
}

/** What does not fit is left out: reading it is then CEL's own "no such key". */
const entriesToMap = (entries: readonly (readonly [string, CelInput | undefined])[]): CelInput => {
  const map = new Map<string, CelInput>();
  for (const [key, value] of entries) if (value !== undefined) map.set(key, value);
  return map;
};

/** The plan's type is a union of several types: each of the writer's branches goes to the first that fits. */
function unionReader(writer: AvroType, plan: AvroUnion): CelReader {
  const target = (branch: AvroType): AvroType | undefined =>
    plan.branches.find((candidate) => candidate.kind === branch.kind && canResolve(branch, candidate)) ??
    plan.branches.find((candidate) => canResolve(branch, candidate));
  const readBranch = (branch: AvroType): CelReader => {
    const planned = target(branch);
    return planned === undefined ? () => undefined : celInputReader(branch, planned);
  };
  if (writer.kind !== 'union') return readBranch(writer);
  const plain = nullableBranch(writer);
  const readers = new Map(writer.branches.map((branch) => [branchName(branch), readBranch(branch)]));
  const ifNull = plan.branches.some(({ kind }) => kind === 'null') ? null : undefined;
  return (decoded) => {
    if (decoded === null) return ifNull;
    if (plain !== undefined) return readers.get(branchName(plain))?.(decoded);
    if (typeof decoded !== 'object') return undefined;
    for (const [name, value] of Object.entries(decoded)) return readers.get(name)?.(value);
    return undefined;
  };
}
