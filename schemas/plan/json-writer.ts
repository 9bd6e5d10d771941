// Events as JSON text, whole or projected. Deterministic: fields in the writer's order, map keys as they were written.
//
//   long            number within ±(2^53-1), else a string of digits
//   float, double   number; NaN, Infinity and -Infinity as strings
//   bytes, fixed    base64 string
//   enum            its symbol
//   union           the plain value, whichever the branch
//   logical types   the value below them: a timestamp-micros is a number of microseconds

import type { AvroRecord, AvroType } from '../avro/avro-type.ts';
import { branchName, nullableBranch } from '../avro/avro-type.ts';
import type { DecodedEvent } from '../avro/decoded-event.ts';
import { projectedFields } from './projected-fields.ts';

type Write = (value: unknown) => string;

/**
 * @param record the writer's event record
 * @param paths projected paths; null for everything. A path that the writer does not have is left out.
 * @param aliases older names of projected top-level fields; such a field is written under its present name
 */
export function jsonWriter(
  record: AvroRecord,
  paths: readonly string[] | null,
  aliases: ReadonlyMap<string, readonly string[]>,
): (event: DecodedEvent) => string {
  return recordWriter(record, paths, new Map(), aliases);
}

/** Writers of whole records, by record, so that a recursive schema meets itself. */
type Known = Map<AvroRecord, Write>;

function recordWriter(
  record: AvroRecord,
  paths: readonly string[] | null,
  known: Known,
  aliases: ReadonlyMap<string, readonly string[]> = new Map(),
): Write {
  const parts: { readonly key: string; readonly prefix: string; readonly write: Write }[] = [];
  const write: Write = (value) => {
    const fields = Object(value);
    let text = '{';
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i];
      if (part !== undefined) text += part.prefix + part.write(fields[part.key]);
    }
    return `${text}}`;
  };
  if (paths === null) known.set(record, write);
  for (const { field, name, rests } of projectedFields(record, paths, aliases)) {
    const prefix = `${parts.length === 0 ? '' : ','}${JSON.stringify(name)}:`;
    parts.push({ key: field.name, prefix, write: valueWriter(field.type, rests, known) });
  }
  return write;
}

function valueWriter(type: AvroType, paths: readonly string[] | null, known: Known): Write {
  switch (type.kind) {
    case 'record':
      return paths === null ? (known.get(type) ?? recordWriter(type, null, known)) : recordWriter(type, paths, known);
    case 'map':
      return mapWriter(valueWriter(type.values, null, known), paths);
    case 'array':
      return arrayWriter(valueWriter(type.items, paths, known));
    case 'union':
      return unionWriter(type.branches, nullableBranch(type), paths, known);
    case 'string':
    case 'enum':
      return quote;
    case 'bytes':
    case 'fixed':
      return base64;
    case 'long':
      return (value) => (typeof value === 'bigint' ? `"${value}"` : `${value}`);
    case 'float':
    case 'double':
      return double;
    default:
      return String;
  }
}

/** Nothing to escape: by far the most strings, and much cheaper to recognise than to hand to JSON.stringify. */
const PLAIN = /^[ !#-[\]-~]*$/;
const quote: Write = (value) => {
  const text = String(value);
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
};

const double: Write = (value) => (Number.isFinite(value) ? JSON.stringify(value) : `"${value}"`);

function mapWriter(write: Write, keys: readonly string[] | null): Write {
  const wanted = keys === null ? undefined : new Set(keys);
  return (value) => {
    let text = '';
    for (const [key, inner] of Object.entries(Object(value))) {
      if (wanted !== undefined && !wanted.has(key)) continue;
      text += `${text === '' ? '' : ','}${quote(key)}:${write(inner)}`;
    }
    return `{${text}}`;
  };
}

function arrayWriter(write: Write): Write {
  return (value) => {
    let text = '[';
    const items: readonly unknown[] = Array.isArray(value) ? value : [];
    for (let i = 0; i < items.length; i++) text += (i === 0 ? '' : ',') + write(items[i]);
    return `${text}]`;
  };
}

function unionWriter(
  branches: readonly AvroType[],
  plain: AvroType | undefined,
  paths: readonly string[] | null,
  known: Known,
): Write {
  if (plain !== undefined) {
    const write = valueWriter(plain, paths, known);
    return (value) => (value === null ? 'null' : write(value));
  }
  const writers = new Map(branches.map((branch) => [branchName(branch), valueWriter(branch, paths, known)]));
  return (value) => {
    if (typeof value !== 'object' || value === null) return 'null';
    for (const [name, inner] of Object.entries(value)) return writers.get(name)?.(inner) ?? 'null';
    return 'null';
  };
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** By hand: Buffer is not in the browser, and btoa wants a string of bytes. */
function base64(value: unknown): string {
  const bytes = value instanceof Uint8Array ? value : new Uint8Array(0);
  let text = '"';
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b, c] = [bytes[i], bytes[i + 1], bytes[i + 2]];
    const bits = (a << 16) | ((b ?? 0) << 8) | (c ?? 0);
    text += `${BASE64[bits >> 18]}${BASE64[(bits >> 12) & 63]}`;
    text += `${b === undefined ? '=' : BASE64[(bits >> 6) & 63]}${c === undefined ? '=' : BASE64[bits & 63]}`;
  }
  return `${text}"`;
}
