// The fields of a topic's schema as filters name them, each with its type in words and what the schema says about it.
// Used by the command and by the page.

export interface SchemaField {
  /** As a filter writes it: `host`, `labels["…"]`, `owner.team`. */
  readonly path: string;
  readonly type: string;
  readonly doc: string;
  /** Symbols of an enum, in order. */
  readonly symbols: readonly string[];
}

/** Deeper records are shown as records. */
const MAX_DEPTH = 4;

/** @param schema Avro schema JSON, checked by the service; anything else gives no fields */
export function fieldsOf(schema: unknown): readonly SchemaField[] {
  const named = new Map<string, unknown>();
  collectNames(schema, named, 0);
  return isObject(schema) ? recordFields(schema, '', named, 0) : [];
}

function recordFields(record: Json, prefix: string, named: Named, depth: number): SchemaField[] {
  if (!Array.isArray(record.fields)) return [];
  return record.fields.filter(isObject).flatMap((field): SchemaField[] => {
    const path = `${prefix}${String(field.name)}`;
    const type = resolve(field.type, named);
    const inner = isObject(type) && type.type === 'record' && depth < MAX_DEPTH;
    if (inner) return recordFields(type, `${path}.`, named, depth + 1);
    const doc = typeof field.doc === 'string' ? field.doc : docOf(type);
    const isMap = isObject(type) && type.type === 'map';
    return [{ path: isMap ? `${path}["…"]` : path, type: wordsFor(type, named), doc, symbols: symbolsOf(type) }];
  });
}

function wordsFor(type: unknown, named: Named): string {
  if (Array.isArray(type)) {
    const others = type.filter((branch) => branch !== 'null').map((branch) => wordsFor(resolve(branch, named), named));
    return `${others.join(' | ')}${others.length < type.length ? '?' : ''}`;
  }
  if (typeof type === 'string') return type;
  if (!isObject(type)) return '';
  if (typeof type.logicalType === 'string')
    return type.logicalType.startsWith('timestamp') ? 'timestamp' : type.logicalType;
  switch (type.type) {
    case 'enum':
      return symbolsOf(type).join(' < ');
    case 'map':
      return `map of ${wordsFor(resolve(type.values, named), named)}`;
    case 'array':
      return `list of ${wordsFor(resolve(type.items, named), named)}`;
    case 'record':
    case 'fixed':
      return String(type.name);
    default:
      return wordsFor(type.type, named);
  }
}

/** What a nullable type is when it is not null, names replaced by what they stand for. */
function resolve(type: unknown, named: Named): unknown {
  if (typeof type === 'string') return named.get(type) ?? type;
  if (isObject(type) && (isObject(type.type) || Array.isArray(type.type))) return resolve(type.type, named);
  return type;
}

const symbolsOf = (type: unknown): readonly string[] =>
  isObject(type) && type.type === 'enum' && Array.isArray(type.symbols) ? type.symbols.map(String) : [];
const docOf = (type: unknown): string => (isObject(type) && typeof type.doc === 'string' ? type.doc : '');

function collectNames(type: unknown, named: Map<string, unknown>, depth: number): void {
  if (Array.isArray(type)) for (const branch of type) collectNames(branch, named, depth + 1);
  if (!isObject(type) || depth > MAX_DEPTH * 4) return;
  if (typeof type.name === 'string' && type.type !== undefined && typeof type.type === 'string') {
    named.set(type.name, type);
    if (typeof type.namespace === 'string') named.set(`${type.namespace}.${type.name}`, type);
  }
  for (const inner of [type.type, type.items, type.values]) collectNames(inner, named, depth + 1);
  if (Array.isArray(type.fields))
    for (const field of type.fields) collectNames(isObject(field) ? field.type : null, named, depth + 1);
}

type Json = Readonly<Record<string, unknown>>;
type Named = ReadonlyMap<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
