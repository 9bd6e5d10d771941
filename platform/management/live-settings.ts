// The configuration of a running process as it is in effect: from defaults, the environment, and what was changed at run
// time where its schema says `changeable`. Parts that can change register what applies a new value.

import type { TObject, TProperties, TSchema } from 'typebox';
import { Check } from 'typebox/value';
import type { ReportedSetting } from '../../schemas/management.ts';
import { type Environment, variableOf } from '../config.ts';
import { withoutSecrets } from './redact.ts';

const MASK = '***';
/** Also where somebody forgot to say so. */
const SECRET_NAME = /secret|password|credential|(token|key)$/i;

type Values = Readonly<Record<string, unknown>>;

export class LiveSettings {
  readonly #properties: TProperties;
  readonly #base: Values;
  readonly #env: Environment;
  readonly #listeners = new Map<string, ((value: never) => void)[]>();
  readonly #changed = new Map<string, unknown>();
  #problems: readonly string[] = [];

  /** @param config what was loaded at the start, by the same schema */
  constructor(schema: TObject, config: Values, env: Environment = {}) {
    this.#properties = schema.properties;
    this.#base = config;
    this.#env = env;
  }

  /** What could not be applied, and why. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  isChangeable(property: string): boolean {
    return isChangeable(this.#properties[property]);
  }

  /**
   * Calls `apply` with each new value from now on. Only properties that are `changeable` ever change.
   *
   * @throws RangeError for a property that the schema does not call changeable: it would never change
   */
  onChange<Value>(property: string, apply: (value: Value) => void): void {
    if (!isChangeable(this.#properties[property])) throw new RangeError(`${property} is not changeable`);
    this.#listeners.set(property, [...(this.#listeners.get(property) ?? []), apply as (value: never) => void]);
  }

  /** @param wanted all that is changed at run time; what is missing goes back to how the process was started */
  apply(wanted: Values): void {
    const problems: string[] = [];
    for (const name of Object.keys(wanted)) {
      if (!isChangeable(this.#properties[name])) problems.push(`${name} cannot be changed at run time`);
    }
    for (const [name, schema] of Object.entries(this.#properties)) {
      if (!isChangeable(schema)) continue;
      const isWanted = Object.hasOwn(wanted, name);
      if (isWanted && !Check(schema, wanted[name])) problems.push(`${name} cannot be ${JSON.stringify(wanted[name])}`);
      const takes = isWanted && Check(schema, wanted[name]);
      this.#set(name, takes ? wanted[name] : this.#base[name], takes);
    }
    this.#problems = problems;
  }

  report(): ReportedSetting[] {
    return Object.entries(this.#properties).map(([name, schema]) => this.#reported(name, schema));
  }

  #set(name: string, value: unknown, isRuntime: boolean): void {
    const before = this.#changed.has(name) ? this.#changed.get(name) : this.#base[name];
    if (isRuntime) this.#changed.set(name, value);
    else this.#changed.delete(name);
    if (before === value) return;
    for (const apply of this.#listeners.get(name) ?? []) apply(value as never); // checked against its schema above
  }

  #reported(name: string, schema: TSchema): ReportedSetting {
    const isSecret = keyword(schema, 'secret') === true || SECRET_NAME.test(name);
    const changeable = isChangeable(schema);
    const value = this.#changed.has(name) ? this.#changed.get(name) : this.#base[name];
    const description = keyword(schema, 'description');
    return {
      name,
      variable: variableOf(name),
      value: shown(value, isSecret),
      source: this.#sourceOf(name),
      isSecret,
      isChangeable: changeable,
      description: typeof description === 'string' ? description : '',
      ...(changeable ? { schema } : {}),
    };
  }

  #sourceOf(name: string): ReportedSetting['source'] {
    if (this.#changed.has(name)) return 'runtime';
    return (this.#env[variableOf(name)] ?? '').trim() === '' ? 'default' : 'environment';
  }
}

function shown(value: unknown, isSecret: boolean): unknown {
  if (value === undefined || value === null || value === '') return value ?? null;
  if (isSecret) return MASK;
  return typeof value === 'string' ? withoutSecrets(value) : value; // URLs of databases carry passwords
}

const keyword = (schema: TSchema, name: string): unknown =>
  name in schema ? schema[name as keyof TSchema] : undefined;
const isChangeable = (schema: TSchema | undefined): boolean =>
  schema !== undefined && keyword(schema, 'changeable') === true;
