// Reads the topic catalog from Redis into the edge's copy: when there is a notice, and now and then without one.

import type { Health } from '../../platform/health.ts';
import type { Logger } from '../../platform/log.ts';
import type { Redis } from '../../platform/redis.ts';
import type { RedisKeys } from '../../schemas/coordination.ts';
import { reasonOf } from '../../schemas/errors.ts';
import type { Catalog } from './catalog.ts';

export interface CatalogReaderOptions {
  readonly catalog: Catalog;
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly health: Health;
  readonly log: Logger;
  readonly onChange: () => void;
}

export class CatalogReader {
  readonly #options: CatalogReaderOptions;
  /** So that the same problem is logged once. */
  #lastProblem = '';

  constructor(options: CatalogReaderOptions) {
    this.#options = options;
  }

  /** @param notices a connection for notices only, in subscriber mode afterwards */
  async start(notices: Redis): Promise<void> {
    const { notifyCatalog } = this.#options.keys;
    notices.on('message', (channel: string) => {
      if (channel === notifyCatalog) void this.read();
    });
    await notices.subscribe(notifyCatalog);
    await this.read();
  }

  /** Never rejects: the last good copy serves on. */
  async read(): Promise<void> {
    const { catalog, redis, keys, health, log, onChange } = this.#options;
    let problem = '';
    try {
      if (catalog.update(await redis.hgetall(keys.catalog))) onChange();
    } catch (error) {
      problem = reasonOf(error);
      if (problem !== this.#lastProblem) log.warn({ reason: problem }, 'the catalog cannot be read');
    }
    this.#lastProblem = problem;
    health.setReady('catalog', catalog.topics.size > 0 || problem === '', problem);
  }
}
