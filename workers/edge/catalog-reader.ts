// Reads the topic catalog from Redis into the edge's copy: when there is a notice, now and then without one, and when
// somebody asks for a topic that the copy lacks.

import { CatalogLook } from '../../platform/catalog-look.ts';
import type { Health } from '../../platform/health.ts';
import type { Logger } from '../../platform/log.ts';
import { type Redis, subscribeAtStart } from '../../platform/redis.ts';
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
  readonly #look = new CatalogLook(() => this.read());
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
    await subscribeAtStart(notices, 'subscribe', [notifyCatalog]);
    await this.read();
  }

  /**
   * Reads what is there now; those who ask before it begins share the reading.
   *
   * @returns whether there were topics; false: Redis is away, or has forgotten them
   */
  lookAnew(): Promise<boolean> {
    return this.#look.anew();
  }

  /**
   * Never rejects: the last good copy serves on.
   *
   * @returns whether there were topics
   */
  async read(): Promise<boolean> {
    const { catalog, redis, keys, health, log, onChange } = this.#options;
    let problem = '';
    let count = 0;
    try {
      const topics = await redis.hgetall(keys.catalog);
      if (catalog.update(topics)) onChange();
      count = Object.keys(topics).length;
    } catch (error) {
      problem = reasonOf(error);
      if (problem !== this.#lastProblem) log.warn({ reason: problem }, 'the catalog cannot be read');
    }
    this.#lastProblem = problem;
    health.setReady('catalog', catalog.topics.size > 0 || problem === '', problem);
    return count > 0;
  }
}
