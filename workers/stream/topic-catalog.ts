// The topics, as the leading control plane writes them into Redis. The last good copy is kept while Redis is empty or away.

import type { Logger } from '../../platform/log.ts';
import type { Redis } from '../../platform/redis.ts';
import { CatalogTopic, type RedisKeys, readMessage } from '../../schemas/coordination.ts';

export class TopicCatalog {
  readonly #redis: Redis;
  readonly #keys: RedisKeys;
  readonly #log: Logger;
  #topics: ReadonlyMap<number, CatalogTopic> = new Map();

  constructor(redis: Redis, keys: RedisKeys, log: Logger) {
    this.#redis = redis;
    this.#keys = keys;
    this.#log = log;
  }

  /** @throws when Redis is away */
  async read(): Promise<void> {
    const hash = await this.#redis.hgetall(this.#keys.catalog);
    const topics = Object.values(hash).flatMap((text) => this.#readTopic(text));
    if (topics.length > 0) this.#topics = new Map(topics.map((topic) => [topic.topicId, topic]));
  }

  /**
   * Looks again when the topic is not known, or smaller than somebody says: it may be new, or have grown.
   *
   * @param partitions how many there must be at least
   */
  async topic(topicId: number, partitions = 0): Promise<CatalogTopic | undefined> {
    const known = this.#topics.get(topicId);
    if (!known || known.partitions < partitions) await this.read();
    return this.#topics.get(topicId);
  }

  #readTopic(text: string): CatalogTopic[] {
    try {
      return [readMessage(CatalogTopic, text)];
    } catch (err) {
      this.#log.error({ err }, 'a topic of the catalog cannot be read');
      return [];
    }
  }
}
