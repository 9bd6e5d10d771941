// Configuration of all processes as they report it, and changes at run time: checked against the schema that the processes
// themselves state, kept in Postgres, told through Redis, written there again when Redis has forgotten it.

import type { TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { expectation } from '../../platform/config.ts';
import { requestInvalid } from '../../platform/problem-details.ts';
import type { Redis } from '../../platform/redis.ts';
import type {
  ChangedConfiguration,
  ConfigurationChange,
  ProcessConfiguration,
} from '../../schemas/api/configuration.ts';
import { readMessage } from '../../schemas/coordination.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import { ConfigurationReport, type ManagementKeys, type Settings } from '../../schemas/management.ts';
import type { Queryable } from '../store/queryable.ts';
import { allSettings, changeSettings, type SettingsRow } from '../store/settings.ts';

export interface ConfigurationServiceParts {
  readonly db: Queryable;
  readonly redis: Redis;
  readonly keys: ManagementKeys;
}

export class ConfigurationService {
  readonly #parts: ConfigurationServiceParts;

  constructor(parts: ConfigurationServiceParts) {
    this.#parts = parts;
  }

  /** @param component absent: of all kinds @throws MdsError `MDS_DEPENDENCY_UNAVAILABLE` */
  async list(component?: string): Promise<ProcessConfiguration[]> {
    const reports = await this.#reports();
    return reports
      .filter((report) => component === undefined || report.component === component)
      .map((report) => ({ ...report, settings: report.settings.map(({ schema: _schema, ...setting }) => setting) }));
  }

  /**
   * @returns what was changed before, and what is now
   * @throws MdsError `MDS_NOT_FOUND` (no such process runs) or `MDS_REQUEST_INVALID` with every setting that cannot be so
   */
  async change(
    component: string,
    { set = {}, unset = [] }: ConfigurationChange,
    changedBy: string,
  ): Promise<ChangedConfiguration> {
    const reports = (await this.#reports()).filter((report) => report.component === component);
    const [report] = reports;
    if (report === undefined) throw new MdsError('MDS_NOT_FOUND', { what: 'running process of kind', id: component });
    checkChange(report, set, unset);
    const row = await changeSettings(this.#parts.db, component, set, unset, changedBy);
    await this.#tell([row]);
    const { revision, overrides, changedAt } = row;
    return { component, revision, overrides, changedBy, changedAt: changedAt.toISOString() };
  }

  /** The leader's part, every round: what Redis should say, it says. @throws what Postgres or ioredis throws */
  async look(): Promise<void> {
    await this.#tell(await allSettings(this.#parts.db));
  }

  async #tell(rows: readonly SettingsRow[]): Promise<void> {
    const { redis, keys } = this.#parts;
    if (rows.length === 0) return;
    const present = await redis.mget(rows.map(({ component }) => keys.settings(component)));
    for (const [i, { component, revision, overrides: values }] of rows.entries()) {
      const settings: Settings = { component, revision, values: { ...values } };
      const text = JSON.stringify(settings);
      if (present[i] !== text && !isNewer(present[i], revision)) await redis.set(keys.settings(component), text);
    }
  }

  async #reports(): Promise<ConfigurationReport[]> {
    const { redis, keys } = this.#parts;
    try {
      const ids = (await redis.smembers(keys.configurations)).sort();
      if (ids.length === 0) return [];
      const texts = await redis.mget(ids.map((id) => keyOf(keys, id)));
      const gone = ids.filter((_, i) => texts[i] === null);
      if (gone.length > 0) await redis.srem(keys.configurations, ...gone); // whoever lives adds itself again
      return texts.flatMap((text) => (typeof text === 'string' ? [readMessage(ConfigurationReport, text)] : []));
    } catch (cause) {
      if (cause instanceof MdsError) throw cause;
      throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Redis', reason: reasonOf(cause) }, { cause });
    }
  }
}

/** All problems at once. @throws MdsError `MDS_REQUEST_INVALID` */
export function checkChange(
  { component, settings }: Pick<ConfigurationReport, 'component' | 'settings'>,
  set: Readonly<Record<string, unknown>>,
  unset: readonly string[],
): void {
  const changeable = new Map(settings.filter(({ isChangeable }) => isChangeable).map((one) => [one.name, one]));
  const problems: { at: string; message: string }[] = [];
  const isKnown = (name: string, at: string): boolean => {
    if (changeable.has(name)) return true;
    const isThere = settings.some((one) => one.name === name);
    const message = isThere ? 'it changes only with a restart' : `processes of kind ${component} have no such setting`;
    problems.push({ at, message });
    return false;
  };
  for (const name of unset) isKnown(name, `body/unset/${name}`);
  for (const [name, value] of Object.entries(set)) {
    if (!isKnown(name, `body/set/${name}`)) continue;
    const schema = changeable.get(name)?.schema as TSchema; // a process states its own schemas, which are JSON Schema
    if (!Check(schema, value)) problems.push({ at: `body/set/${name}`, message: `it must be ${expectation(schema)}` });
  }
  if (problems.length > 0) throw requestInvalid(problems);
}

/** `component/process`; the component has no slash. */
function keyOf(keys: ManagementKeys, id: string): string {
  const slash = id.indexOf('/');
  return keys.configuration(id.slice(0, slash), id.slice(slash + 1));
}

/** Another control plane has changed it since the row was read. */
function isNewer(text: string | null | undefined, revision: number): boolean {
  if (typeof text !== 'string') return false;
  const value: unknown = JSON.parse(text);
  return typeof value === 'object' && value !== null && 'revision' in value && Number(value.revision) > revision;
}
