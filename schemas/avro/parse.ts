// Reads Avro schema JSON into the model of avro-type.ts. Input comes from registries and users, so it is checked completely
// here: names, references, duplicates, defaults and the project's own attribute "mds.batch".

import { MdsError, reasonOf } from '../errors.ts';
import type { AvroField, AvroFixed, AvroRecord, AvroType, LogicalType, PrimitiveName } from './avro-type.ts';
import { branchName } from './avro-type.ts';
import { isDefaultOf } from './default-value.ts';

const PRIMITIVES: ReadonlySet<string> = new Set([
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
]);
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Real schemas nest a handful of levels; beyond this a parser written recursively would risk its stack. */
const MAX_NESTING = 64;

type Json = Readonly<Record<string, unknown>>;
interface Scope {
  readonly named: Map<string, AvroType>;
  readonly namespace: string;
  readonly depth: number;
}

/**
 * @param json a schema as parsed JSON, or its text
 * @throws MdsError `MDS_SCHEMA_INVALID` that says what is wrong and where
 */
export function parseAvroSchema(json: unknown): AvroType {
  const scope: Scope = { named: new Map(), namespace: '', depth: 0 };
  return parseType(typeof json === 'string' ? schemaText(json) : json, scope);
}

function schemaText(text: string): unknown {
  if (!/^\s*[[{"]/.test(text)) return text.trim();
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MdsError('MDS_SCHEMA_INVALID', { reason: `it is not JSON: ${reasonOf(cause)}` }, { cause });
  }
}

const invalid = (reason: string): MdsError => new MdsError('MDS_SCHEMA_INVALID', { reason });
const isPrimitive = (name: string): name is PrimitiveName => PRIMITIVES.has(name);
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parseType(json: unknown, outer: Scope): AvroType {
  if (outer.depth > MAX_NESTING) throw invalid(`it nests more than ${MAX_NESTING} levels deep`);
  const scope = { ...outer, depth: outer.depth + 1 };
  if (typeof json === 'string') return parseReference(json, scope);
  if (Array.isArray(json)) return parseUnion(json, scope);
  if (!isObject(json)) throw invalid(`${JSON.stringify(json)} is not a type`);
  const { type } = json;
  switch (type) {
    case 'record':
    case 'error':
      return parseRecord(json, scope);
    case 'enum':
      return parseEnum(json, scope);
    case 'fixed':
      return parseFixed(json, scope);
    case 'array':
      return { kind: 'array', items: parseType(json.items, scope) };
    case 'map':
      return { kind: 'map', values: parseType(json.values, scope) };
    default: {
      const parsed = parseType(type, scope);
      const logical = logicalOf(json);
      return logical !== undefined && isPrimitive(parsed.kind) ? { kind: parsed.kind, logical } : parsed;
    }
  }
}

function parseReference(name: string, scope: Scope): AvroType {
  if (isPrimitive(name)) return { kind: name };
  const found = scope.named.get(name.includes('.') ? name : qualify(name, scope.namespace)) ?? scope.named.get(name);
  if (found === undefined) throw invalid(`there is no type named ${JSON.stringify(name)}`);
  return found;
}

function parseUnion(json: readonly unknown[], scope: Scope): AvroType {
  if (json.length === 0) throw invalid('a union needs at least one type');
  const branches = json.map((branch) => parseType(branch, scope));
  const names = branches.map(branchName);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw invalid(`a union names ${twice} twice`);
  if (branches.some(({ kind }) => kind === 'union')) throw invalid('a union directly holds another union');
  return { kind: 'union', branches };
}

function parseRecord(json: Json, outer: Scope): AvroRecord {
  const name = fullName(json, outer);
  const scope = { ...outer, namespace: namespaceOf(name) };
  const fields: AvroField[] = [];
  const aliases = names(json.aliases, `aliases of ${name}`, true);
  const record = { kind: 'record', name, aliases, fields } satisfies AvroRecord;
  const definition: AvroRecord =
    json['mds.batch'] === undefined ? record : { ...record, batchField: String(json['mds.batch']) };
  define(name, definition, scope);
  if (!Array.isArray(json.fields)) throw invalid(`record ${name} has no list of fields`);
  for (const field of json.fields) fields.push(parseField(field, name, fields, scope));
  checkBatchField(definition);
  return definition;
}

function parseField(json: unknown, record: string, before: readonly AvroField[], scope: Scope): AvroField {
  if (!isObject(json)) throw invalid(`a field of ${record} is not an object`);
  const name = json.name;
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw invalid(`${JSON.stringify(name)} is not a name for a field of ${record}`);
  }
  if (before.some((other) => other.name === name)) throw invalid(`record ${record} has two fields named ${name}`);
  const type = parseType(json.type, scope);
  const aliases = names(json.aliases, `aliases of ${record}.${name}`);
  if (!Object.hasOwn(json, 'default')) return { name, type, aliases, hasDefault: false };
  if (!isDefaultOf(json.default, type)) {
    throw invalid(`the default ${JSON.stringify(json.default)} of ${record}.${name} does not fit its type`);
  }
  return { name, type, aliases, hasDefault: true, default: json.default };
}

function checkBatchField({ name, batchField, fields }: AvroRecord): void {
  if (batchField === undefined) return;
  const field = fields.find((candidate) => candidate.name === batchField);
  if (field?.type.kind !== 'array' || field.type.items.kind !== 'record') {
    throw invalid(`"mds.batch" of ${name} must name a field that is an array of records, not ${batchField}`);
  }
}

function parseEnum(json: Json, scope: Scope): AvroType {
  const name = fullName(json, scope);
  const symbols = names(json.symbols, `symbols of ${name}`);
  if (symbols.length === 0) throw invalid(`enum ${name} has no symbols`);
  const fallback = json.default;
  if (fallback !== undefined && (typeof fallback !== 'string' || !symbols.includes(fallback))) {
    throw invalid(`the default ${JSON.stringify(fallback)} of enum ${name} is not one of its symbols`);
  }
  return define(name, { kind: 'enum', name, symbols, ...(fallback === undefined ? {} : { default: fallback }) }, scope);
}

function parseFixed(json: Json, scope: Scope): AvroFixed {
  const name = fullName(json, scope);
  const { size } = json;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw invalid(`fixed ${name} has no size`);
  const logical = logicalOf(json);
  return define(name, { kind: 'fixed', name, size, ...(logical === undefined ? {} : { logical }) }, scope);
}

function logicalOf(json: Json): LogicalType | undefined {
  if (typeof json.logicalType !== 'string') return undefined;
  if (json.logicalType !== 'decimal') return { name: json.logicalType };
  const precision = typeof json.precision === 'number' ? json.precision : 0;
  return { name: 'decimal', precision, scale: typeof json.scale === 'number' ? json.scale : 0 };
}

function define<T extends AvroType>(name: string, type: T, scope: Scope): T {
  if (scope.named.has(name)) throw invalid(`there are two types named ${name}`);
  scope.named.set(name, type);
  return type;
}

function fullName(json: Json, scope: Scope): string {
  const { name, namespace } = json;
  if (typeof name !== 'string' || !name.split('.').every((part) => NAME.test(part)) || isPrimitive(name)) {
    throw invalid(`${JSON.stringify(name)} is not a name for a type`);
  }
  if (name.includes('.')) return name;
  return qualify(name, typeof namespace === 'string' ? namespace : scope.namespace);
}

const qualify = (name: string, namespace: string): string => (namespace === '' ? name : `${namespace}.${name}`);
const namespaceOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('.')));

function names(json: unknown, what: string, dotted = false): readonly string[] {
  if (json === undefined) return [];
  if (!Array.isArray(json)) throw invalid(`the ${what} are not a list`);
  const listed: readonly unknown[] = json;
  return listed.map((entry, i) => {
    const legal = typeof entry === 'string' && (dotted ? entry.split('.') : [entry]).every((part) => NAME.test(part));
    if (!legal || typeof entry !== 'string') throw invalid(`${JSON.stringify(entry)} of the ${what} is not a name`);
    if (listed.indexOf(entry) !== i) throw invalid(`the ${what} name ${entry} twice`);
    return entry;
  });
}
