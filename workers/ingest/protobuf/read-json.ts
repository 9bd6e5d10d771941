// Protobuf's JSON form by the same table of fields, as OTLP has it: lowerCamelCase names, 64-bit integers as numbers or texts,
// ids as hex, other bytes as base64, enums as numbers. Unknown members are skipped.

import { MdsError } from '../../../schemas/errors.ts';
import { type Field, MAX_DEPTH, type Message, type Scalar } from './message.ts';

/** @throws MdsError `MDS_REQUEST_INVALID` with the path of the first problem */
export function readJson(message: Message, json: unknown): Readonly<Record<string, unknown>> {
  return messageOf(message, json, '$', 0);
}

const invalid = (path: string, reason: string): MdsError =>
  new MdsError('MDS_REQUEST_INVALID', { problems: [`${path}: ${reason}`], path });

function messageOf(message: Message, json: unknown, path: string, depth: number): Record<string, unknown> {
  if (depth > MAX_DEPTH) throw invalid(path, `it nests more than ${MAX_DEPTH} levels deep`);
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw invalid(path, 'it is not an object');
  const members = json as Readonly<Record<string, unknown>>; // it is an object
  const read: Record<string, unknown> = {};
  for (const field of message.values()) {
    const value = Object.hasOwn(members, field.name) ? members[field.name] : undefined;
    if (value === undefined || value === null) continue; // null stands for the default
    const at = `${path}.${field.name}`;
    if (!field.isList) read[field.name] = fieldValueOf(field, value, at, depth);
    else if (Array.isArray(value))
      read[field.name] = value.map((item, i) => fieldValueOf(field, item, `${at}[${i}]`, depth));
    else throw invalid(at, 'it is not a list');
  }
  return read;
}

function fieldValueOf({ type }: Field, json: unknown, path: string, depth: number): unknown {
  return typeof type === 'string' ? scalarOf(type, json, path) : messageOf(type(), json, path, depth + 1);
}

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

function scalarOf(type: Scalar, json: unknown, path: string): unknown {
  switch (type) {
    case 'string':
      if (typeof json === 'string') return json;
      throw invalid(path, 'it is not text');
    case 'hex':
      if (typeof json === 'string' && /^([0-9a-fA-F]{2})*$/.test(json)) return json.toLowerCase();
      throw invalid(path, 'it is not hex');
    case 'bytes':
      if (typeof json === 'string' && BASE64.test(json)) return Buffer.from(json, 'base64');
      throw invalid(path, 'it is not base64');
    case 'bool':
      if (typeof json === 'boolean') return json;
      throw invalid(path, 'it is neither true nor false');
    case 'double':
      return doubleOf(json, path);
    default:
      return integerOf(type, json, path);
  }
}

const NOT_FINITE = ['NaN', 'Infinity', '-Infinity'];

function doubleOf(json: unknown, path: string): number {
  if (typeof json === 'number') return json;
  if (typeof json === 'string' && (NOT_FINITE.includes(json) || /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(json))) {
    return Number(json);
  }
  throw invalid(path, 'it is not a number');
}

const RANGES: Readonly<Record<string, readonly [low: bigint, high: bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n],
  sint32: [-(2n ** 31n), 2n ** 31n],
  uint32: [0n, 2n ** 32n],
  int64: [-(2n ** 63n), 2n ** 63n],
  sfixed64: [-(2n ** 63n), 2n ** 63n],
  uint64: [0n, 2n ** 64n],
  fixed64: [0n, 2n ** 64n],
};

function integerOf(type: Scalar, json: unknown, path: string): bigint | number {
  const isWhole =
    typeof json === 'number' ? Number.isInteger(json) : typeof json === 'string' && /^-?\d{1,20}$/.test(json);
  if (!isWhole) throw invalid(path, 'it is not a whole number');
  const value = BigInt(json as number | string); // isWhole
  const [low, high] = RANGES[type] ?? [0n, 0n];
  if (value < low || value >= high) throw invalid(path, `it does not fit into ${type}`);
  return type.endsWith('64') ? value : Number(value);
}
