// An example value for a JSON schema: what the schema itself gives as one, a word that is known for the property's name, or
// the simplest value that fits. So every route has examples that are true to its schema, also one that was written yesterday.

import { Check } from 'typebox/value';
import { EXAMPLE_TIME, EXAMPLE_TIME_MS, EXAMPLE_WORDS } from './example-words.ts';

/** The keywords that are looked at; others are for the check alone. */
export interface ExampleSchema {
  readonly type?: unknown;
  readonly examples?: unknown;
  readonly const?: unknown;
  readonly enum?: unknown;
  readonly anyOf?: readonly ExampleSchema[];
  readonly oneOf?: readonly ExampleSchema[];
  readonly properties?: Readonly<Record<string, ExampleSchema>>;
  readonly items?: ExampleSchema;
  readonly default?: unknown;
  readonly description?: unknown;
  readonly format?: unknown;
  readonly minimum?: unknown;
  readonly exclusiveMinimum?: unknown;
}

/** @param name of the property that has this schema */
export function exampleOf(schema: ExampleSchema, name = ''): unknown {
  const fits = (value: unknown): boolean => Check(schema as object, value);
  if (Array.isArray(schema.examples) && schema.examples.length > 0) return schema.examples[0];
  if ('const' in schema) return schema.const;
  const word = EXAMPLE_WORDS[name]?.find(fits);
  if (word !== undefined) return word;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  if (schema.default !== undefined && schema.default !== null) return schema.default;
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return exampleOf(choices.find(({ type }) => type !== 'null') ?? { type: 'null' }, name);
  return builtFrom(schema, name);
}

function builtFrom(schema: ExampleSchema, name: string): unknown {
  switch (schema.type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([property, inner]) => [property, exampleOf(inner, property)]),
      );
    case 'array':
      return schema.items === undefined ? [] : [exampleOf(schema.items, singular(name))];
    case 'string':
      return stringFor(schema);
    case 'integer':
    case 'number':
      return numberFor(schema, name);
    case 'boolean':
      return true;
    default:
      return schema.properties === undefined ? null : builtFrom({ ...schema, type: 'object' }, name);
  }
}

const singular = (name: string): string => name.replace(/s$/, '');

function stringFor({ description, format }: ExampleSchema): string {
  if (format === 'date-time' || /RFC 3339/.test(String(description))) return EXAMPLE_TIME;
  if (/^base64/.test(String(description))) return 'b3JkZXItNw==';
  return 'text';
}

function numberFor({ minimum, exclusiveMinimum, description }: ExampleSchema, name: string): number {
  const [, byDefault] = /\bDefault (\d+)\b/.exec(String(description)) ?? [];
  if (byDefault !== undefined) return Number(byDefault);
  if (/(At|^at|since|until)Ms$/i.test(name)) return EXAMPLE_TIME_MS;
  if (typeof minimum === 'number') return minimum < 1 ? 1 : minimum;
  return typeof exclusiveMinimum === 'number' ? exclusiveMinimum + 1 : 1;
}
