// Configuration of a process: one TypeBox object per process, read from MDS_ environment variables and nothing else.
// Every default is stated and argued in the schema; every problem of an environment is reported at once, so that nobody
// corrects a deployment one restart at a time.

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Static, TObject, TProperties, TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { MdsError } from '../schemas/errors.ts';
import { nearestName } from '../schemas/nearest-name.ts';
import { authProblems } from './auth-config.ts';
import { KNOWN_VARIABLES } from './known-variables.ts';
import { withoutSecrets } from './management/redact.ts';

export {
  commonConfig,
  httpDoorConfig,
  httpPortConfig,
  identityConfig,
  kafkaConfig,
  postgresConfig,
  redisConfig,
  registryConfig,
} from './config-fragments.ts';

const PREFIX = 'MDS_';

export type Environment = Readonly<Record<string, string | undefined>>;

/** `httpPort` → `MDS_HTTP_PORT` */
export const variableOf = (property: string): string =>
  PREFIX + property.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

/**
 * Reads a process's configuration.
 *
 * A variable that is set to nothing counts as not set. Variables of other processes are let through, because one
 * environment often serves them all; an MDS_ variable that no process knows is a problem.
 *
 * @param schema properties in camel case, each with `default`, `description` and, for a quantity, `unit`
 * @returns a value for every property, of the type the schema says
 * @throws MdsError `MDS_CONFIG_INVALID` with all problems in `details.problems`
 */
export function loadConfig<Schema extends TObject>(schema: Schema, env: Environment = process.env): Static<Schema> {
  const properties: TProperties = schema.properties;
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [property, propertySchema] of Object.entries(properties)) {
    const variable = variableOf(property);
    const text = env[variable];
    const read = text === undefined || text.trim() === '' ? defaultOf(propertySchema) : coerce(propertySchema, text);
    if (read === undefined) {
      if (!isOptional(schema, property))
        problems.push(`${variable} is not set; it must be ${expectation(propertySchema)}`);
    } else if (Check(propertySchema, read)) {
      values[property] = read;
    } else {
      const shown = isSecret(propertySchema) ? 'not valid' : withoutSecrets(JSON.stringify(text ?? read));
      problems.push(`${variable} is ${shown}; it must be ${expectation(propertySchema)}`);
    }
  }
  problems.push(...authProblems(values, (property) => Object.hasOwn(properties, property)));
  problems.push(...unknownVariables(Object.keys(properties).map(variableOf), env));
  if (problems.length > 0) throw new MdsError('MDS_CONFIG_INVALID', { problems });
  return values as Static<Schema>; // every property was checked against its schema above
}

/** Problems are printed and logged. */
const isSecret = (schema: TSchema): boolean => 'secret' in schema && schema.secret === true;

function unknownVariables(own: readonly string[], env: Environment): string[] {
  const known = new Set([...own, ...KNOWN_VARIABLES]);
  const problems: string[] = [];
  for (const variable of Object.keys(env)) {
    if (!variable.startsWith(PREFIX) || known.has(variable)) continue;
    const didYouMean = nearestName(variable, known);
    problems.push(
      `${variable} is not a known variable${didYouMean === undefined ? '' : `; did you mean ${didYouMean}?`}`,
    );
  }
  return problems;
}

const isOptional = (schema: TObject, property: string): boolean =>
  !((schema.required ?? []) as readonly string[]).includes(property);

function defaultOf(schema: TSchema): unknown {
  const value = 'default' in schema ? schema.default : undefined;
  return typeof value === 'string' ? expandTemplate(value) : value;
}

/** Defaults may name what only the running process knows. */
function expandTemplate(text: string): string {
  return text
    .replaceAll('{host}', hostname().replace(/[^A-Za-z0-9-]+/g, '-'))
    .replaceAll('{pid}', String(process.pid))
    .replaceAll('{random}', () => randomBytes(4).toString('hex'));
}

const BOOLEANS: Readonly<Record<string, boolean>> = { true: true, false: false, 1: true, 0: false };

/** The text as the schema's type; the text itself when it is none, which the check then refuses. */
function coerce(schema: TSchema, text: string): unknown {
  const trimmed = text.trim();
  switch (typeOf(schema)) {
    case 'integer':
      return /^[+-]?\d+$/.test(trimmed) ? Number(trimmed) : text;
    case 'number':
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed) ? Number(trimmed) : text;
    case 'boolean':
      return BOOLEANS[trimmed.toLowerCase()] ?? text;
    case 'array':
      return trimmed
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');
    default:
      return trimmed;
  }
}

const typeOf = (schema: TSchema): unknown => ('type' in schema ? schema.type : undefined);

/** What a value must look like, in words, from the schema's own keywords. */
export function expectation(schema: TSchema): string {
  const keyword = schema as Readonly<Record<string, unknown>>; // keywords of JSON Schema, each looked at by type
  if (typeof keyword.expected === 'string') return keyword.expected;
  const unit = typeof keyword.unit === 'string' ? ` (${keyword.unit})` : '';
  if (Array.isArray(keyword.enum)) return `one of ${keyword.enum.join(', ')}`;
  if (Array.isArray(keyword.anyOf)) {
    const choices = keyword.anyOf.map((choice: { const?: unknown }) => choice.const);
    if (choices.every((choice) => choice !== undefined)) return `one of ${choices.join(', ')}`;
  }
  const range = rangeInWords(keyword.minimum, keyword.maximum);
  switch (keyword.type) {
    case 'integer':
      return `a whole number${range}${unit}`;
    case 'number':
      return `a number${range}${unit}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return 'a comma-separated list';
    default:
      return typeof keyword.pattern === 'string' ? `text that matches ${keyword.pattern}` : 'text';
  }
}

function rangeInWords(minimum: unknown, maximum: unknown): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return ` of at least ${minimum}`;
  return maximum !== undefined ? ` of at most ${maximum}` : '';
}
