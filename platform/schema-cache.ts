// Writer schemas by id, for the kernels. An id the registry does not know is an answer; a registry that cannot be reached
// is not: then the asking slab waits, and its partitions with it, rather than dead-lettering good records.

import { reasonOf } from '../schemas/errors.ts';
import type { Health } from './health.ts';
import type { Logger } from './log.ts';
import type { SchemaRegistry } from './registry.ts';
import { retry } from './retry.ts';

const RETRY = { baseMs: 50, maxMs: 1000 } as const;
/** Ids come from records, so anybody who may produce could otherwise fill the memory: unknown ones are not kept at all. */
const MAX_SCHEMAS = 10_000;

export interface SchemaCacheOptions {
  readonly registry: Pick<SchemaRegistry, 'getSchemaById'>;
  readonly log: Logger;
  readonly health: Health;
  /** Ends the waiting for a registry that is away. */
  readonly signal: AbortSignal;
}

export class SchemaCache {
  readonly #options: SchemaCacheOptions;
  readonly #texts = new Map<number, string>();
  readonly #asking = new Map<number, Promise<string | null>>();
  #isAway = false;

  constructor(options: SchemaCacheOptions) {
    this.#options = options;
  }

  /** @returns the schema's text if it is known already */
  known(schemaId: number): string | undefined {
    return this.#texts.get(schemaId);
  }

  /**
   * @returns the schema's text, null when the registry has none under this id
   * @throws the signal's reason
   */
  resolve(schemaId: number): Promise<string | null> {
    const known = this.#texts.get(schemaId);
    if (known !== undefined) return Promise.resolve(known);
    let asking = this.#asking.get(schemaId);
    if (!asking) {
      asking = this.#ask(schemaId).finally(() => this.#asking.delete(schemaId));
      this.#asking.set(schemaId, asking);
    }
    return asking;
  }

  async #ask(schemaId: number): Promise<string | null> {
    const { registry, signal } = this.#options;
    const answer = await retry(() => registry.getSchemaById(schemaId), {
      ...RETRY,
      attempts: 'forever',
      signal,
      onRetry: (error) => this.#away(reasonOf(error)),
    });
    this.#back();
    if (answer === 'unknown') return null;
    if (this.#texts.size >= MAX_SCHEMAS) this.#texts.clear(); // they are asked for again when they are met again
    this.#texts.set(schemaId, answer.schema);
    return answer.schema;
  }

  #away(reason: string): void {
    if (this.#isAway) return;
    this.#isAway = true;
    this.#options.health.setReady('registry', false, reason);
    this.#options.log.warn({ reason }, 'the schema registry is away; records with new schema ids wait for it');
  }

  #back(): void {
    if (!this.#isAway) return;
    this.#isAway = false;
    this.#options.health.setReady('registry', true);
    this.#options.log.info('the schema registry is back');
  }
}
