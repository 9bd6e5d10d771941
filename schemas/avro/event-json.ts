// From an event as people write it in JSON to what avsc encodes (schemas/avro/decoded-event.ts), checked against the
// topic's schema completely. Plain JSON: no type names around union values, enums as strings, timestamps as a number in
// the schema's unit or as ISO 8601, bytes as base64, longs beyond 2^53 as a string of digits.

import { MdsError } from '../errors.ts';
import { nearestName } from '../nearest-name.ts';
import { type AvroRecord, type AvroType, branchName, type LogicalType, nullableBranch } from './avro-type.ts';
import { normalLong } from './decoded-event.ts';
import { decodedDefault } from './default-value.ts';

/** Where an event stands in its input, as errors say it: `index` in words or as a number, and further facts for programs. */
export interface InputPlace {
  readonly index: string | number;
  readonly line?: number;
}

/** Where in the input a value stands: path from `$`. */
interface Place {
  readonly input: InputPlace;
  readonly path: string;
}

/**
 * @param json one event, parsed
 * @throws MdsError `MDS_EVENT_INVALID` with the path of the first problem
 */
export function eventFromJson(json: unknown, record: AvroRecord, input: InputPlace): unknown {
  return avroValueOf(json, record, { input, path: '$' });
}

const invalid = ({ input, path }: Place, reason: string): MdsError =>
  new MdsError('MDS_EVENT_INVALID', { ...input, path, reason });

const isObject = (json: unknown): json is Readonly<Record<string, unknown>> =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

function shown(json: unknown): string {
  const text = JSON.stringify(json) ?? 'nothing';
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}

function avroValueOf(json: unknown, type: AvroType, at: Place): unknown {
  switch (type.kind) {
    case 'record':
      return recordOf(json, type, at);
    case 'union':
      return unionOf(json, type, at);
    case 'enum':
      if (typeof json === 'string' && type.symbols.includes(json)) return json;
      throw invalid(at, `${shown(json)} is none of ${type.symbols.join(', ')}${hint(json, type.symbols)}`);
    case 'array':
      if (!Array.isArray(json)) throw invalid(at, `${shown(json)} is not a list`);
      return json.map((item, i) => avroValueOf(item, type.items, { ...at, path: `${at.path}[${i}]` }));
    case 'map':
      if (!isObject(json)) throw invalid(at, `${shown(json)} is not an object`);
      return Object.fromEntries(
        Object.entries(json).map(([key, value]) => [
          key,
          avroValueOf(value, type.values, { ...at, path: `${at.path}[${JSON.stringify(key)}]` }),
        ]),
      );
    case 'bytes':
    case 'fixed':
      return bytesOf(json, type.kind === 'fixed' ? type.size : null, at);
    case 'int':
    case 'long':
      return integerOf(json, type.kind, type.logical, at);
    default:
      return primitiveOf(json, type.kind, at);
  }
}

function recordOf(json: unknown, record: AvroRecord, at: Place): unknown {
  if (!isObject(json)) throw invalid(at, `${shown(json)} is not an object`);
  const names = record.fields.map(({ name }) => name);
  const unknown = Object.keys(json).find((key) => !names.includes(key));
  if (unknown !== undefined) throw invalid(at, `there is no field ${unknown}${hint(unknown, names)}`);
  return Object.fromEntries(
    record.fields.map((field) => {
      const place = { ...at, path: `${at.path}.${field.name}` };
      if (json[field.name] !== undefined) return [field.name, avroValueOf(json[field.name], field.type, place)];
      if (field.hasDefault) return [field.name, withBuffers(decodedDefault(field.default, field.type))];
      if (nullableBranch(field.type)) return [field.name, null];
      throw invalid(place, 'it is missing and has no default');
    }),
  );
}

/** avsc encodes bytes from Buffers only. */
function withBuffers(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(withBuffers);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withBuffers(inner)]));
}

function unionOf(json: unknown, type: AvroType & { kind: 'union' }, at: Place): unknown {
  const isNull = type.branches.some(({ kind }) => kind === 'null');
  if (json === null && isNull) return null;
  const only = nullableBranch(type);
  if (only) return avroValueOf(json, only, at);
  for (const branch of type.branches) {
    if (branch.kind === 'null') continue;
    try {
      return { [branchName(branch)]: avroValueOf(json, branch, at) };
    } catch (error) {
      if (!(error instanceof MdsError)) throw error; // not this branch: the next one, and an error when none is left
    }
  }
  throw invalid(at, `${shown(json)} is none of ${type.branches.map(branchName).join(', ')}`);
}

function primitiveOf(json: unknown, kind: 'null' | 'boolean' | 'float' | 'double' | 'string', at: Place): unknown {
  if (kind === 'null' && json === null) return null;
  if (kind === 'boolean' && typeof json === 'boolean') return json;
  if (kind === 'string' && typeof json === 'string') return json;
  if (kind === 'float' || kind === 'double') {
    if (typeof json === 'number') return json;
    if (json === 'NaN' || json === 'Infinity' || json === '-Infinity') return Number(json);
    throw invalid(at, `${shown(json)} is not a number`);
  }
  throw invalid(at, `${shown(json)} is not ${kind === 'null' ? 'null' : `a ${kind}`}`);
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

function bytesOf(json: unknown, size: number | null, at: Place): Buffer {
  if (typeof json !== 'string' || !BASE64.test(json)) throw invalid(at, `${shown(json)} is not base64`);
  const bytes = Buffer.from(json, 'base64');
  if (size !== null && bytes.length !== size) throw invalid(at, `it has ${bytes.length} bytes instead of ${size}`);
  return bytes;
}

const LIMITS = { int: 2n ** 31n, long: 2n ** 63n } as const;
/** Units of a timestamp in a millisecond. */
const TIMESTAMP_SCALE: Readonly<Record<string, bigint>> = { millis: 1n, micros: 1000n, nanos: 1_000_000n };
const DAY_MS = 86_400_000;

function integerOf(json: unknown, kind: 'int' | 'long', logical: LogicalType | undefined, at: Place): number | bigint {
  const fromText = typeof json === 'string' && logical ? unitsOfIsoTime(json, logical.name) : null;
  if (fromText !== null) return normalLong(fromText);
  const isWhole =
    typeof json === 'number' ? Number.isSafeInteger(json) : typeof json === 'string' && /^-?\d+$/.test(json);
  if (!isWhole) {
    const hintText = logical?.name.startsWith('timestamp') ? 'a whole number or an ISO 8601 time' : 'a whole number';
    throw invalid(at, `${shown(json)} is not ${hintText}`);
  }
  const value = BigInt(json as number | string); // isWhole
  if (value < -LIMITS[kind] || value >= LIMITS[kind]) throw invalid(at, `${shown(json)} does not fit into ${kind}`);
  return normalLong(value);
}

/**
 * An ISO 8601 time in the units of a logical type. Fractions of a second keep all their digits, down to the schema's unit.
 *
 * @returns null when the text is no time, or the logical type none that has one
 */
export function unitsOfIsoTime(text: string, logical: string): bigint | null {
  const ms = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) return null;
  if (logical === 'date') return BigInt(Math.floor(ms / DAY_MS));
  const unit = /^(?:local-)?timestamp-(millis|micros|nanos)$/.exec(logical)?.[1];
  const scale = unit === undefined ? undefined : TIMESTAMP_SCALE[unit];
  if (scale === undefined) return null;
  const wholeSeconds = BigInt(Math.floor(ms / 1000)) * 1000n * scale;
  const digits = /[T ]\d\d:\d\d:\d\d[.,](\d+)/.exec(text)?.[1] ?? '';
  const perSecond = 1000n * scale;
  return wholeSeconds + (BigInt(digits.padEnd(9, '0').slice(0, 9)) * perSecond) / 1_000_000_000n;
}

function hint(typed: unknown, names: readonly string[]): string {
  const near = typeof typed === 'string' ? nearestName(typed, names) : undefined;
  return near === undefined ? '' : `; did you mean ${near}?`;
}
