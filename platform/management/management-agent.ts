// The part of each process that makes it manageable: ships its errors, says what its configuration is, and applies what was
// changed at run time. Redis being away costs nothing but time: errors are kept, settings stay as they were.

import { hostname } from 'node:os';
import { readMessage } from '../../schemas/coordination.ts';
import { reasonOf } from '../../schemas/errors.ts';
import {
  type ConfigurationReport,
  ERRORS_TTL_SECONDS,
  type ErrorGroup,
  HOUR_MS,
  MAX_ERROR_GROUPS,
  type ManagementKeys,
  managementKeys,
  REPORT_INTERVAL_MS,
  REPORT_TTL_MS,
  SETTINGS_INTERVAL_MS,
  Settings,
} from '../../schemas/management.ts';
import type { Logger } from '../log.ts';
import type { Redis } from '../redis.ts';
import type { ErrorBook } from './error-book.ts';
import type { LiveSettings } from './live-settings.ts';

export interface ManagementOptions {
  readonly processId: string;
  readonly redis: Redis;
  readonly redisPrefix: string;
  readonly errors: ErrorBook;
  readonly settings: LiveSettings;
  readonly log: Logger;
}

export interface ManagementAgent {
  /** Ships what is left. */
  stop(): Promise<void>;
}

/**
 * Adds to a group, or begins it while there is room. KEYS: hash; ARGV: limit, ttl, then field and group by turns. What finds
 * no room is counted without topic and tenant, by code: those are few.
 */
const ADD_ERRORS = `
for i = 3, #ARGV, 2 do
  local field = ARGV[i]
  local group = cjson.decode(ARGV[i + 1])
  local present = redis.call('HGET', KEYS[1], field)
  if not present and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[1]) then
    group.topic = ''
    group.tenant = ''
    group.sample = ''
    field = cjson.encode({group.code, group.component, '', ''})
    present = redis.call('HGET', KEYS[1], field)
  end
  if present then
    local known = cjson.decode(present)
    group.count = group.count + known.count
    group.firstMs = math.min(group.firstMs, known.firstMs)
    group.lastMs = math.max(group.lastMs, known.lastMs)
    if group.sample == '' then group.sample = known.sample end
  end
  redis.call('HSET', KEYS[1], field, cjson.encode(group))
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
`;

export async function startManagement(options: ManagementOptions): Promise<ManagementAgent> {
  const agent = new Agent(options);
  await agent.start();
  return agent;
}

class Agent implements ManagementAgent {
  readonly #options: ManagementOptions;
  readonly #keys: ManagementKeys;
  #revision = 0;
  #timers: readonly NodeJS.Timeout[] = [];
  /** So that the same problem is logged once. */
  #lastProblem = '';

  constructor(options: ManagementOptions) {
    this.#options = options;
    this.#keys = managementKeys(options.redisPrefix);
  }

  async start(): Promise<void> {
    await this.#applySettings();
    await this.#report();
    this.#timers = [
      setInterval(() => void this.#applySettings(), SETTINGS_INTERVAL_MS),
      setInterval(() => void this.#report(), REPORT_INTERVAL_MS),
    ];
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    const { redis, errors, processId } = this.#options;
    await this.#attempt(async () => {
      await this.#ship();
      await redis.del(this.#keys.configuration(errors.component, processId));
    });
  }

  #applySettings(): Promise<void> {
    return this.#attempt(async () => {
      const { redis, errors, settings, log } = this.#options;
      const text = await redis.get(this.#keys.settings(errors.component));
      if (text === null) return; // nothing was ever changed, or Redis has forgotten it: it is written again
      const { revision, values } = readMessage(Settings, text);
      if (revision === this.#revision) return;
      this.#revision = revision;
      settings.apply(values);
      log.info({ revision, values, problems: settings.problems }, 'settings changed');
      await this.#tell();
    });
  }

  #report(): Promise<void> {
    return this.#attempt(async () => {
      await this.#ship();
      await this.#tell();
    });
  }

  async #tell(): Promise<void> {
    const { redis, errors, processId, settings } = this.#options;
    const { component } = errors;
    const report: ConfigurationReport = {
      component,
      processId,
      host: hostname(),
      pid: process.pid,
      revision: this.#revision,
      settings: settings.report(),
      problems: [...settings.problems],
    };
    await redis.set(this.#keys.configuration(component, processId), JSON.stringify(report), 'PX', REPORT_TTL_MS);
    await redis.sadd(this.#keys.configurations, `${component}/${processId}`);
  }

  async #ship(): Promise<void> {
    const { redis, errors } = this.#options;
    const groups = errors.drain();
    if (groups.length === 0) return;
    const hour = Math.floor(Date.now() / HOUR_MS);
    const parts = groups.flatMap((group) => [fieldOf(group), JSON.stringify(group)]);
    try {
      await redis.eval(ADD_ERRORS, 1, this.#keys.errors(hour), MAX_ERROR_GROUPS, ERRORS_TTL_SECONDS, ...parts);
    } catch (error) {
      errors.restore(groups);
      throw error;
    }
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    let problem = '';
    try {
      await work();
    } catch (error) {
      problem = reasonOf(error);
      // The connection's own log line says that Redis is away.
      if (problem !== this.#lastProblem) this.#options.log.debug({ reason: problem }, 'nothing can be told or learned');
    }
    this.#lastProblem = problem;
  }
}

const fieldOf = ({ code, component, topic, tenant }: ErrorGroup): string =>
  JSON.stringify([code, component, topic, tenant]);
