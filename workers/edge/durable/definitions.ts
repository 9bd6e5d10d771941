// The edge's copy of the definitions of durable subscriptions: read when there is a notice, and now and then without one.
// What is not there is believed only when the control plane has said that all are there: a Redis that was restarted has
// forgotten everything, until a control plane that can read Postgres has filled it again.

import type { Logger } from '../../../platform/log.ts';
import type { Redis } from '../../../platform/redis.ts';
import { readMessage } from '../../../schemas/coordination.ts';
import { DurableDefinition, type DurableKeys } from '../../../schemas/durable.ts';
import { reasonOf } from '../../../schemas/errors.ts';

export interface DefinitionsOptions {
  readonly redis: Redis;
  readonly keys: DurableKeys;
  readonly log: Logger;
  readonly now: () => number;
  onChanged(definition: DurableDefinition): void;
  onGone(id: string): void;
}

/** Two reads with the same answer lie within. */
const GONE_AFTER_MS = 3000;

interface Known {
  text: string;
  definition: DurableDefinition;
  missingSinceMs: number | null;
}

export class Definitions {
  readonly #options: DefinitionsOptions;
  readonly #known = new Map<string, Known>();
  readonly #byName = new Map<string, string>();
  #isComplete = false;
  #lastProblem = '';
  #reading: Promise<void> | null = null;

  constructor(options: DefinitionsOptions) {
    this.#options = options;
  }

  /** Whether the last reading has found all that there are. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  get(id: string): DurableDefinition | undefined {
    return this.#known.get(id)?.definition;
  }

  /** @param subscription id or name */
  find(tenant: string, subscription: string): DurableDefinition | undefined {
    const found = this.get(subscription) ?? this.get(this.#byName.get(nameKey(tenant, subscription)) ?? '');
    return found?.tenant === tenant ? found : undefined;
  }

  /** One of them may have changed. */
  async readOne(id: string): Promise<void> {
    await this.#guarded(async () => {
      const text = await this.#options.redis.hget(this.#options.keys.definitions, id);
      if (text !== null) this.#take(id, text);
    });
  }

  /** Those who ask meanwhile share the answer. */
  async readAll(): Promise<void> {
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = null;
    });
    await this.#reading;
  }

  async #readAll(): Promise<void> {
    this.#isComplete = false;
    await this.#guarded(async () => {
      const { redis, keys } = this.#options;
      // asked first: what is missing from what is read later has been deleted, or will be missed by the next reading too
      const isComplete = (await redis.exists(keys.definitionsComplete)) === 1;
      const fields = await redis.hgetall(keys.definitions);
      for (const [id, text] of Object.entries(fields)) this.#take(id, text);
      const missing = [...this.#known].filter(([id]) => !Object.hasOwn(fields, id));
      if (isComplete) this.#miss(missing);
      this.#isComplete = isComplete;
    });
  }

  #take(id: string, text: string): void {
    const known = this.#known.get(id);
    if (known) known.missingSinceMs = null;
    if (known?.text === text) return;
    const definition = readMessage(DurableDefinition, text);
    if (known && known.definition.revision > definition.revision) return; // read before a notice, come after it
    if (known) this.#byName.delete(nameKey(known.definition.tenant, known.definition.name));
    this.#known.set(id, { text, definition, missingSinceMs: null });
    this.#byName.set(nameKey(definition.tenant, definition.name), id);
    if (known) this.#options.onChanged(definition);
  }

  #miss(missing: readonly (readonly [string, Known])[]): void {
    const nowMs = this.#options.now();
    for (const [id, known] of missing) {
      known.missingSinceMs ??= nowMs;
      if (nowMs - known.missingSinceMs < GONE_AFTER_MS) continue;
      this.#known.delete(id);
      const key = nameKey(known.definition.tenant, known.definition.name);
      if (this.#byName.get(key) === id) this.#byName.delete(key);
      this.#options.onGone(id);
    }
  }

  /** Never rejects: the last good copy serves on. */
  async #guarded(read: () => Promise<void>): Promise<void> {
    let problem = '';
    try {
      await read();
    } catch (error) {
      problem = reasonOf(error);
      if (problem !== this.#lastProblem) {
        this.#options.log.warn({ reason: problem }, 'definitions of durable subscriptions cannot be read');
      }
    }
    this.#lastProblem = problem;
  }
}

const nameKey = (tenant: string, name: string): string => JSON.stringify([tenant, name]);
