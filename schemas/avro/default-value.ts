// Defaults in Avro schemas are JSON: whether one fits its type, and what a decoder would have given for it.

import type { AvroType } from './avro-type.ts';
import { branchName, nullableBranch } from './avro-type.ts';

const INT_LIMIT = 2 ** 31;
/** 2^63: the doubles below it in magnitude are the ones an Avro long can hold. */
const LONG_LIMIT = 2 ** 63;

/** Whether `json` is a legal default for `type`; for a union it may fit any branch, as Avro 1.12 allows. */
export function isDefaultOf(json: unknown, type: AvroType): boolean {
  switch (type.kind) {
    case 'null':
      return json === null;
    case 'boolean':
      return typeof json === 'boolean';
    case 'int':
      return isInteger(json, INT_LIMIT);
    case 'long':
      return isInteger(json, LONG_LIMIT);
    case 'float':
    case 'double':
      return typeof json === 'number';
    case 'string':
      return typeof json === 'string';
    case 'bytes':
      return isByteString(json);
    case 'fixed':
      return isByteString(json) && json.length === type.size;
    case 'enum':
      return typeof json === 'string' && type.symbols.includes(json);
    case 'array':
      return Array.isArray(json) && json.every((item) => isDefaultOf(item, type.items));
    case 'map':
      return isObject(json) && Object.values(json).every((value) => isDefaultOf(value, type.values));
    case 'record':
      return (
        isObject(json) &&
        type.fields.every((field) =>
          field.name in json ? isDefaultOf(json[field.name], field.type) : field.hasDefault,
        )
      );
    case 'union':
      return type.branches.some((branch) => isDefaultOf(json, branch));
  }
}

/** The value a decoder following decoded-event.ts would have given for the default `json` of `type`. */
export function decodedDefault(json: unknown, type: AvroType): unknown {
  switch (type.kind) {
    case 'long':
      return Number.isSafeInteger(json) ? json : BigInt(Number(json));
    case 'bytes':
    case 'fixed':
      return Uint8Array.from(String(json), (char) => char.charCodeAt(0));
    case 'array':
      return Array.isArray(json) ? json.map((item) => decodedDefault(item, type.items)) : json;
    case 'map':
      return isObject(json)
        ? Object.fromEntries(Object.entries(json).map(([key, value]) => [key, decodedDefault(value, type.values)]))
        : json;
    case 'record':
      return Object.fromEntries(
        type.fields.map((field) => {
          const given = isObject(json) && field.name in json ? json[field.name] : field.default;
          return [field.name, decodedDefault(given, field.type)];
        }),
      );
    case 'union': {
      const branch = type.branches.find((candidate) => isDefaultOf(json, candidate));
      if (branch === undefined || branch.kind === 'null') return null;
      const value = decodedDefault(json, branch);
      return nullableBranch(type) === undefined ? { [branchName(branch)]: value } : value;
    }
    default:
      return json;
  }
}

const isObject = (json: unknown): json is Readonly<Record<string, unknown>> =>
  typeof json === 'object' && json !== null && !Array.isArray(json);
const isInteger = (json: unknown, limit: number): boolean =>
  typeof json === 'number' && Number.isInteger(json) && json >= -limit && json < limit;
/** Bytes in schema JSON are a string whose code points 0 to 255 stand for them. */
function isByteString(json: unknown): json is string {
  return typeof json === 'string' && Array.from(json).every((char) => (char.codePointAt(0) ?? 0) <= 0xff);
}
